"""Two that record one work, and what becomes of their files: none is removed that a record names."""

from __future__ import annotations

import json
import shutil
import uuid
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import pytest
from sqlalchemy import text
from sqlmodel import Session, select

from reelmill.catalogue.engine import get_engine, session
from reelmill.catalogue.facts.product_sources import SourceSegment
from reelmill.catalogue.models import Video
from reelmill.catalogue.videos import searching
from reelmill.errors import WorkError, WrongParameter
from reelmill.operations.context import Workbench
from reelmill.operations.publishing import publish_journal
from reelmill.operations.publishing.publish import publish
from reelmill.operations.publishing.workspace import reconcile, workspace
from reelmill.storage.atomic_files import place
from reelmill.storage.media_root import MediaRoot
from tests.clips import Notes
from tests.operations.crashes import PRODUCT, RECIPE, WANTED
from tests.operations.library import files, marked, taken
from tests.refusals import refused

OTHER = "compilations/out-01234567.mp4"


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return marked(tmp_path_factory.mktemp("original") / "original.mp4")


def _placed(root: MediaRoot, original: Path, path: str = WANTED, recipe: str = RECIPE) -> tuple[Path, Video]:
    """As it is when a job was killed between the link and the record: its workspace, and what its file is."""
    folder = root.work / uuid.uuid4().hex
    folder.mkdir()
    staged = folder / "staged.mp4"
    shutil.copyfile(original, staged)
    stat = staged.stat()
    video = Video(
        title="Out", path=path, directory_type="compilations", filename=Path(path).name, size=stat.st_size,
        mtime_ns=stat.st_mtime_ns, recipe=recipe,
    )  # fmt: skip
    publish_journal.write(staged, video)
    assert place(staged, root.path / path)
    return folder, video


def _again(video: Video, **more: Any) -> Video:
    return Video.model_validate(video.model_dump() | more)


def _keep(video: Video) -> None:
    with session() as opened:
        opened.add(video)


def _records() -> dict[str, str | None]:
    with session() as opened:
        return {video.path: video.recipe for video in opened.exec(select(Video))}


def _files(root: MediaRoot) -> list[str]:
    return [root.relative(path) for path in files(root) if not path.is_relative_to(root.work)]


def _slower(monkeypatch: pytest.MonkeyPatch, meanwhile: Callable[[], None]) -> None:
    """Another run records something right after ours has looked whether its path is known."""
    real, once = searching.by_path, [meanwhile]

    def looked(opened: Session, path: str) -> Video | None:
        found = real(opened, path)
        if once:
            once.pop()()
        return found

    monkeypatch.setattr(searching, "by_path", looked)


def test_what_a_killed_run_wrote_down_has_what_it_was_made_of(bench: Workbench, original: Path) -> None:
    folder, video = _placed(bench.root, original)
    source = _again(video, id=uuid.uuid4(), path="inbox/source.mp4", recipe=None)
    segment = SourceSegment.whole(source).model_copy(update={"source_end": 1.5})
    publish_journal.write(bench.root.path / WANTED, video, [segment, segment])
    (bench.root.path / WANTED).with_name(publish_journal.NAME).replace(folder / publish_journal.NAME)
    _keep(source)
    publish_journal.settle(bench.root, folder, Notes())
    assert taken(WANTED) == [("inbox/source.mp4", None, 1.5, None, None, None)] * 2


_WHOLE: Final = [(None, None, None, None)]


def _span(start: float, end: float) -> dict[str, float]:
    return {"start": start, "end": end, "score": 0.5}


@pytest.mark.parametrize(
    ("folder", "details", "figures", "times"),
    [
        (
            "playback",
            {"cost": {"bytes_in": 30, "cpu_seconds": 2.5, "joules": None, "vmaf": 91.5}},
            (30, 2.5, 91.5),
            _WHOLE,
        ),
        ("playback", None, (20, None, None), _WHOLE),
        ("clips", {"start": 1.5, "end": 3, "reason": "loud"}, (None,) * 3, [(1.5, 3, None, None)]),
        ("clips", {"start": "soon", "end": None}, (None,) * 3, _WHOLE),
        ("digests", {"segments": [_span(0, 2), _span(5, 6.5)]}, (None,) * 3, [(0, 2, 0, 2), (5, 6.5, 2, 3.5)]),
        ("highlights", {"moments": [_span(1, 2), _span(4, 5)]}, (None,) * 3, [(1, 2, None, None), (4, 5, None, None)]),
    ],
)
def test_a_journal_of_before_says_in_its_details_what_was_made_of_what(
    bench: Workbench,
    original: Path,
    folder: str,
    details: dict[str, Any] | None,
    figures: tuple[object, ...],
    times: list[tuple[float | None, ...]],
) -> None:
    """A site that was killed as 0.3, and came up as this version: the copy had no figures, for ever."""
    path = f"{folder}/out.mp4"
    workspace_folder, video = _placed(bench.root, original, path)
    source = _again(video, id=uuid.uuid4(), path="inbox/source.mp4", recipe=None, size=20)
    _keep(source)
    older = {"directory_type": folder, "source_video_id": source.id, "details": details}
    publish_journal.write(bench.root.path / path, _again(video, **older))
    journal = workspace_folder / publish_journal.NAME
    (bench.root.path / path).with_name(publish_journal.NAME).replace(journal)
    since = ("is_product", "content_id", "ctime_ns", "source_size", "encode_cpu_seconds", "encode_joules", "vmaf")
    written = json.loads(journal.read_text())
    written["video"] = {name: value for name, value in written["video"].items() if name not in since}
    journal.write_text(json.dumps({"inode": written["inode"], "video": written["video"]}))
    publish_journal.settle(bench.root, workspace_folder, Notes())
    with session() as opened:
        made = opened.exec(select(Video).where(Video.path == path)).one()
    assert (made.source_size, made.encode_cpu_seconds, made.vmaf) == figures
    assert taken(path) == [("inbox/source.mp4", *each, None) for each in times]


@pytest.mark.parametrize("id_too", [True, False])
def test_two_that_settle_one_journal(
    bench: Workbench, original: Path, monkeypatch: pytest.MonkeyPatch, id_too: bool
) -> None:
    """The slower one took the file of the record that the quicker one had just made for a copy nobody needs."""
    folder, video = _placed(bench.root, original)
    _slower(monkeypatch, lambda: _keep(_again(video, id=video.id if id_too else uuid.uuid4())))
    publish_journal.settle(bench.root, folder, Notes())
    assert _files(bench.root) == [WANTED]
    assert (bench.root.path / WANTED).read_bytes() == original.read_bytes()
    assert _records() == {WANTED: RECIPE}


def test_two_that_made_the_same_leave_the_one_recorded_first(
    bench: Workbench, original: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, first = _placed(bench.root, original, OTHER)
    folder, _ = _placed(bench.root, original)
    _slower(monkeypatch, lambda: _keep(_again(first)))
    publish_journal.settle(bench.root, folder, Notes())
    assert (_files(bench.root), _records()) == ([OTHER], {OTHER: RECIPE})


def test_what_a_record_names_stays_whoever_made_it(bench: Workbench, original: Path) -> None:
    """A scan saw ours meanwhile: it is that record's file now."""
    _, first = _placed(bench.root, original, OTHER)
    folder, video = _placed(bench.root, original)
    _keep(_again(first))
    _keep(_again(video, id=uuid.uuid4(), recipe=None))
    publish_journal.settle(bench.root, folder, Notes())
    assert _files(bench.root) == [OTHER, WANTED]
    assert _records() == {OTHER: RECIPE, WANTED: None}


@pytest.mark.parametrize("how", ["gone", "replaced"])
def test_a_record_whose_file_is_not_there_gives_way(bench: Workbench, original: Path, how: str) -> None:
    _, first = _placed(bench.root, original, OTHER)
    folder, _ = _placed(bench.root, original)
    _keep(_again(first))
    if how == "gone":
        (bench.root.path / OTHER).unlink()
    else:
        (bench.root.path / OTHER).write_bytes(b"a person's own")
    publish_journal.settle(bench.root, folder, Notes())
    assert WANTED in _files(bench.root)
    assert how == "gone" or (bench.root.path / OTHER).read_bytes() == b"a person's own"
    assert _records() == {OTHER: None, WANTED: RECIPE}


def test_a_file_somebody_put_in_our_place_stays(bench: Workbench, original: Path) -> None:
    _, first = _placed(bench.root, original, OTHER)
    _, video = _placed(bench.root, original)
    _keep(_again(first))
    (bench.root.path / WANTED).unlink()
    (bench.root.path / WANTED).write_bytes(b"a person's own")
    assert publish_journal.record(bench.root, video).path == OTHER
    assert (bench.root.path / WANTED).read_bytes() == b"a person's own"


def test_a_record_that_the_catalogue_refuses_stops_no_other(bench: Workbench, original: Path) -> None:
    folder, _ = _placed(bench.root, original)
    _placed(bench.root, original, "compilations/good.mp4", "another")
    with get_engine().begin() as connection:
        connection.execute(text("ALTER TABLE catalogue.video ADD CONSTRAINT odd CHECK (filename <> 'out.mp4')"))
    notes = Notes()
    try:
        with refused(WorkError):
            publish_journal.settle(bench.root, folder, notes)
        assert reconcile(bench.root, notes) == 1
    finally:
        with get_engine().begin() as connection:
            connection.execute(text("ALTER TABLE catalogue.video DROP CONSTRAINT odd"))
    assert notes.said(f"left for later: {folder.name}: ")
    assert _records() == {"compilations/good.mp4": "another"}
    assert _files(bench.root) == ["compilations/good.mp4", WANTED]
    assert folder.is_dir()


def test_a_path_no_record_can_hold_is_refused_before_the_file_is_placed(bench: Workbench, original: Path) -> None:
    deep = "compilations/" + "/".join("x" * 240 for _ in range(12)) + "/out.mp4"
    with refused(WrongParameter, parameter="target", value=deep), workspace(bench.root, RECIPE, bench.report) as folder:
        publish(bench, Path(shutil.copyfile(original, folder / "staged.mp4")), replace(PRODUCT, path=deep))
    assert (_files(bench.root), _records()) == ([], {})
    assert not list((bench.root.path / "compilations").iterdir())
