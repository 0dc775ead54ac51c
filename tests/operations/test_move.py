from __future__ import annotations

import errno
import os
import shutil
import threading
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from sqlmodel import select

from reelmill.catalogue.engine import session
from reelmill.catalogue.models import Video
from reelmill.catalogue.videos import searching
from reelmill.errors import (
    CapabilityError,
    ChangedMeanwhile,
    DiskFull,
    FileMissing,
    NotMounted,
    OutsideMediaRoot,
    ReelmillError,
    UnknownVideo,
    Unstorable,
    WrongParameter,
)
from reelmill.operations.context import Workbench
from reelmill.operations.jobs.move_to_library import MoveResult, move_to_library, plan
from reelmill.operations.jobs.scan import scan
from reelmill.operations.jobs.thumbnail_generate import thumbnail
from reelmill.operations.publishing import move_journal
from reelmill.operations.publishing.move_journal import Move, identity
from reelmill.operations.publishing.workspace import reconcile
from reelmill.storage import atomic_files
from reelmill.storage.media_root import MediaRoot
from reelmill.troubles import Flaw
from tests.clips import Notes, as_nobody, clip, tiny_disk
from tests.operations.library import add, files
from tests.refusals import refused

TYPES = ("inbox", "videos", "shows", "public")


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return clip(tmp_path_factory.mktemp("original") / "original.mp4", seconds=0.2, size="64x48")


@pytest.fixture
def disk(catalogue: str, open_folder: Path) -> Iterator[Workbench]:
    """A library whose type ``videos`` is a small disk of its own."""
    root = MediaRoot(open_folder / f"move-{uuid.uuid4().hex[:8]}")
    root.create()
    with tiny_disk(root.folder("videos")):
        yield Workbench(root=root, report=Notes())


@pytest.fixture
def shelf(catalogue: str, open_folder: Path) -> Workbench:
    """A library on one file system, where an account other than root can see it."""
    root = MediaRoot(open_folder / f"move-{uuid.uuid4().hex[:8]}")
    root.create()
    return Workbench(root=root, report=Notes())


class Meddler(Notes):
    """Does something while the file is being copied, once."""

    def __init__(self, meddle: Callable[[], None]) -> None:
        super().__init__()
        self.meddle = meddle

    def progress(self, fraction: float, text: str = "", speed: float | None = None) -> None:
        if not self.fractions:
            self.meddle()
        super().progress(fraction, text)


def _add(bench: Workbench, original: Path, path: str = "inbox/a.mp4") -> Video:
    target = bench.root.path / path
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(original, target)
    os.utime(target, ns=(1_600_000_000_123_456_789, 1_600_000_000_123_456_789))
    return add(bench, target)


def _move(bench: Workbench, video: Video, to: str = "videos") -> MoveResult:
    return move_to_library(bench, str(video.id), to, directory_types=TYPES)


def _files(root: MediaRoot) -> dict[str, bytes]:
    """Everything under the root, hidden files and work too."""
    return {root.relative(path): path.read_bytes() for path in files(root)}


def _records() -> dict[str, Video]:
    with session() as opened:
        return {video.path: video for video in opened.exec(select(Video))}


def _scan(bench: Workbench, *kinds: str) -> None:
    for kind in kinds:
        scan(bench.root, kind, directory_types=TYPES, settle_seconds=0, report=Notes())


def _is_moved(bench: Workbench, video: Video, path: str, original: Path) -> None:
    """One file, at ``path``, with the one record of the same id, the time of the original and no scan's surprise."""
    assert _files(bench.root) == {path: original.read_bytes()}
    (record,) = _records().values()
    expected = Video.model_validate(
        video.model_dump()
        | {"path": path, "directory_type": bench.root.directory_type(path), "filename": Path(path).name}
    )
    expected.updated_at, expected.ctime_ns = record.updated_at, record.ctime_ns  # which a move changes
    expected.checked_at = record.checked_at  # a scan beside it may have opened it once more
    assert record.model_dump() == expected.model_dump()
    assert record.missing_since is None
    content = bench.content(record)
    assert (content.content_id, content.video_id, content.size, content.mtime_ns) == (
        video.content_id, str(video.id), video.size, video.mtime_ns
    )  # fmt: skip
    _scan(bench, *(kind for kind in TYPES if bench.root.folder(kind).is_dir()))
    assert {found.id for found in _records().values() if found.missing_since is None} == {video.id}
    assert _records()[path].mtime_ns == video.mtime_ns


# The plan.


@pytest.mark.parametrize(
    ("path", "to", "wanted"),
    [
        ("inbox/a.mp4", "videos", "library/videos/a.mp4"),
        ("inbox/Season 1/a.mp4", "shows", "library/shows/Season 1/a.mp4"),
        ("library/shows/x/y/a.mp4", "inbox", "inbox/x/y/a.mp4"),
        ("library/shows/a.mp4", "public", "public/a.mp4"),
        ("library/shows/a.mp4", "shows", None),
        ("inbox/inbox/a.mp4", "inbox", None),
    ],
)
def test_plan(media_root: MediaRoot, path: str, to: str, wanted: str | None) -> None:
    assert plan(media_root, path, to, TYPES) == wanted


@pytest.mark.parametrize(
    ("path", "to", "parameter"),
    [
        ("inbox/a.mp4", "films", "directory_type"),
        ("inbox/a.mp4", "../x", "directory_type"),
        ("inbox/a.mp4", "playback", "directory_type"),
        ("digests/a.mp4", "digests", "directory_type"),
        ("compilations/a.mp4", "videos", "video_id"),
    ],
)
def test_what_is_not_moved(media_root: MediaRoot, path: str, to: str, parameter: str) -> None:
    with refused(WrongParameter, parameter=parameter, value=to if parameter == "directory_type" else path):
        plan(media_root, path, to, TYPES)


# On one file system, and across two.


def test_a_file_moves_with_its_record(bench: Workbench, original: Path) -> None:
    video = _add(bench, original, "inbox/deep/été 🎬.mp4")
    inode = (bench.root.path / video.path).stat().st_ino
    result = _move(bench, video)
    assert (result.moved, result.copied, result.size) == (True, False, video.size)
    assert (result.path, result.previous) == ("library/videos/deep/été 🎬.mp4", "inbox/deep/été 🎬.mp4")
    assert (bench.root.path / result.path).stat().st_ino == inode
    _is_moved(bench, video, result.path, original)


def test_across_file_systems(disk: Workbench, original: Path) -> None:
    video = _add(disk, original)
    (disk.root.path / video.path).chmod(0o640)
    result = _move(disk, video)
    assert (result.path, result.moved, result.copied) == ("library/videos/a.mp4", True, True)
    assert (disk.root.path / result.path).stat().st_mode & 0o777 == 0o640
    _is_moved(disk, video, result.path, original)
    back = _move(disk, video, "inbox")
    assert (back.path, back.copied) == ("inbox/a.mp4", True)
    _is_moved(disk, video, "inbox/a.mp4", original)


def test_there_already(bench: Workbench, original: Path) -> None:
    video = _add(bench, original, "library/videos/a.mp4")
    result = _move(bench, video)
    assert (result.moved, result.path, result.previous) == (False, "library/videos/a.mp4", "library/videos/a.mp4")
    _is_moved(bench, video, result.path, original)


def test_what_was_made_of_it_stays_made(disk: Workbench, original: Path) -> None:
    video = _add(disk, original)
    before = thumbnail(disk, str(video.id))
    _move(disk, video)
    assert thumbnail(disk, str(video.id)).path == before.path
    assert len(list((disk.root.path / "thumbnails").iterdir())) == 1


@pytest.mark.parametrize("where", ["bench", "disk"])
def test_a_name_that_is_taken_gets_a_count(request: pytest.FixtureRequest, original: Path, where: str) -> None:
    bench: Workbench = request.getfixturevalue(where)
    video = _add(bench, original)
    folder = bench.root.folder("videos")
    folder.mkdir(exist_ok=True)
    (folder / "a.mp4").write_bytes(b"theirs")
    (folder / "a-2.mp4").symlink_to("nowhere")
    gone = Video(
        title="x", path="library/videos/a-3.mp4", directory_type="videos", filename="a-3.mp4", size=1, mtime_ns=1
    )
    with session() as opened:
        opened.add(gone)
    assert _move(bench, video).path == "library/videos/a-4.mp4"
    assert (folder / "a.mp4").read_bytes() == b"theirs"
    assert _files(bench.root).keys() == {"library/videos/a.mp4", "library/videos/a-4.mp4"}
    assert {record.id for record in _records().values()} == {video.id, gone.id}


def test_a_record_of_the_same_file_from_earlier_is_taken_in(bench: Workbench, original: Path) -> None:
    """Somebody took it out of the library by hand, a scan saw it in the inbox, and now it goes back."""
    first = _add(bench, original, "library/videos/a.mp4")
    copy = Video(title="copy", path="playback/a.mp4", directory_type="playback", filename="a.mp4", size=1, mtime_ns=1)
    copy.source_video_id = first.id
    with session() as opened:
        opened.add(copy)
        first = searching.get_video(opened, first.id)
        first.thumbnail_path, first.recipe = "thumbnails/a.jpg", "r"
        first.content_id = "of before an edit"  # else the scan knows it by what it holds
    (bench.root.path / first.path).rename(bench.root.path / "inbox/a.mp4")
    _scan(bench, "inbox", "videos")
    second = _records()["inbox/a.mp4"]
    assert second.id != first.id
    assert _move(bench, second).path == "library/videos/a.mp4"
    records = _records()
    assert {record.id for record in records.values()} == {second.id, copy.id}
    assert records["playback/a.mp4"].source_video_id == second.id
    moved = records["library/videos/a.mp4"]
    assert (moved.thumbnail_path, moved.recipe) == ("thumbnails/a.jpg", "r")


@pytest.mark.parametrize("where", ["bench", "disk"])
def test_two_at_once(request: pytest.FixtureRequest, original: Path, where: str) -> None:
    bench: Workbench = request.getfixturevalue(where)
    video = _add(bench, original)
    results: list[MoveResult] = []
    threads = [threading.Thread(target=lambda: results.append(_move(bench, video))) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(result.moved for result in results) == [False, True]
    assert {result.path for result in results} == {"library/videos/a.mp4"}
    _is_moved(bench, video, "library/videos/a.mp4", original)


def test_a_disk_that_cannot_rename_without_replacing(
    bench: Workbench, original: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(old: Path, new: Path) -> bool:
        raise OSError(22, "Invalid argument")

    monkeypatch.setattr(atomic_files, "_rename_noreplace", refuse)
    video = _add(bench, original)
    bench.root.folder("videos").mkdir()
    theirs = bench.root.folder("videos") / "a.mp4"
    theirs.write_bytes(b"theirs")
    assert _move(bench, video).path == "library/videos/a-2.mp4"
    theirs.unlink()
    _is_moved(bench, video, "library/videos/a-2.mp4", original)


def test_a_disk_that_can_only_rename_and_replace(
    bench: Workbench, original: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> bool:
        raise OSError(errno.ENOSYS, "Function not implemented")

    monkeypatch.setattr(atomic_files, "_rename_noreplace", refuse)
    monkeypatch.setattr(os, "link", refuse)
    video = _add(bench, original)
    bench.root.folder("videos").mkdir()
    theirs = bench.root.folder("videos") / "a.mp4"
    theirs.write_bytes(b"theirs")
    assert _move(bench, video).path == "library/videos/a-2.mp4"
    theirs.unlink()
    _is_moved(bench, video, "library/videos/a-2.mp4", original)


# What goes wrong: one sentence, and nothing touched.


def _refused(bench: Workbench, video: Video, kind: type[ReelmillError], **data: object) -> None:
    before = _files(bench.root)
    with refused(kind, **data):
        _move(bench, video)
    assert _files(bench.root) == before
    assert list(bench.root.work.iterdir()) == []
    assert _records()[video.path] == video


def test_a_video_that_is_not(bench: Workbench, original: Path) -> None:
    video = _add(bench, original)
    with pytest.raises(UnknownVideo):
        move_to_library(bench, str(uuid.uuid4()), "videos", directory_types=TYPES)
    (bench.root.path / video.path).unlink()
    _refused(bench, video, FileMissing, path="inbox/a.mp4", flaw=Flaw.ABSENT)


def test_a_link_stays(bench: Workbench, original: Path) -> None:
    real = bench.root.path / "inbox/real.mp4"
    shutil.copyfile(original, real)
    (bench.root.path / "inbox/a.mp4").symlink_to(real)
    video = add(bench, bench.root.path / "inbox/a.mp4")
    _refused(bench, video, WrongParameter, parameter="video_id", value="inbox/a.mp4")


def test_a_folder_that_leads_out(bench: Workbench, original: Path, tmp_path: Path) -> None:
    bench.root.folder("videos").symlink_to(tmp_path)
    _refused(bench, _add(bench, original), OutsideMediaRoot, path=str(bench.root.folder("videos")))


@pytest.mark.parametrize("which", ["inbox", "videos"])
@pytest.mark.parametrize("where", ["disk", "shelf"])
def test_a_folder_one_may_not_write_to(request: pytest.FixtureRequest, original: Path, where: str, which: str) -> None:
    bench: Workbench = request.getfixturevalue(where)
    video = _add(bench, original)
    bench.root.folder("videos").mkdir(exist_ok=True)
    for kind in ("inbox", "videos"):
        bench.root.folder(kind).chmod(0o755 if kind == which else 0o777)
    for folder in (bench.root.work.parent, bench.root.work):
        folder.chmod(0o777)
    with as_nobody():
        _refused(bench, video, CapabilityError, missing="rights on library/videos")


@pytest.mark.parametrize("where", ["bench", "disk"])
def test_a_path_no_record_can_hold(request: pytest.FixtureRequest, original: Path, where: str) -> None:
    bench: Workbench = request.getfixturevalue(where)
    deep = "/".join(("0123456789" * 25)[level : level + 240] for level in range(11))
    video = _add(bench, original, f"inbox/{deep}/{'x' * 26}.mp4")
    _refused(bench, video, Unstorable)
    assert not [path for path in bench.root.folder("videos").rglob("*") if path.is_file()]


def _fill(folder: Path, but: int) -> None:
    free = os.statvfs(folder)
    (folder / ".filler").write_bytes(bytes(free.f_bavail * free.f_frsize - but))


def test_a_disk_without_room(disk: Workbench, original: Path) -> None:
    video = _add(disk, original)
    _fill(disk.root.folder("videos"), 4096)
    _refused(disk, video, DiskFull, path=str(disk.root.folder("videos")), needed=original.stat().st_size)
    (disk.root.folder("videos") / ".filler").unlink()
    assert _move(disk, video).moved


def test_a_disk_that_fills_up_while_copying(disk: Workbench, original: Path) -> None:
    video = _add(disk, original)
    bench = Workbench(root=disk.root, report=Meddler(lambda: _fill(disk.root.folder("videos"), 4096)))
    with refused(DiskFull, path="library/videos", needed=original.stat().st_size):
        _move(bench, video)
    (disk.root.folder("videos") / ".filler").unlink()
    assert _files(disk.root) == {"inbox/a.mp4": original.read_bytes()}
    assert _records() == {"inbox/a.mp4": video}
    assert _move(disk, video).moved


@pytest.mark.parametrize("change", ["content", "time", "replaced"])
def test_a_source_that_changes_while_it_is_copied(disk: Workbench, original: Path, change: str) -> None:
    video = _add(disk, original)
    source = disk.root.path / video.path

    def meddle() -> None:
        if change == "replaced":
            source.with_name("b").write_bytes(b"another")
            source.with_name("b").rename(source)
        elif change == "content":
            with source.open("ab") as file:
                file.write(b"more")
        else:
            os.utime(source)

    bench = Workbench(root=disk.root, report=Meddler(meddle))
    with refused(ChangedMeanwhile, path="inbox/a.mp4"):
        _move(bench, video)
    assert list(_files(disk.root)) == ["inbox/a.mp4"]
    assert _records()["inbox/a.mp4"] == video
    content = source.read_bytes()
    assert _move(disk, video).moved
    assert _files(disk.root) == {"library/videos/a.mp4": content}
    assert _records()["library/videos/a.mp4"].mtime_ns == video.mtime_ns  # so that the next scan opens it


def test_a_scan_takes_no_half_made_copy_for_a_video(disk: Workbench, original: Path) -> None:
    video = _add(disk, original)
    bench = Workbench(root=disk.root, report=Meddler(lambda: _scan(disk, "videos", "inbox")))
    assert _move(bench, video).copied
    _is_moved(disk, video, "library/videos/a.mp4", original)


# Left half done (the kill itself is in test_move_crashes.py).


def _half_done(bench: Workbench, video: Video, **more: object) -> tuple[Path, Move]:
    folder = bench.root.work / "half"
    folder.mkdir()
    before = identity(bench.root.path / video.path)
    move = Move.model_validate(
        {"video_id": video.id, "source": video.path, "target": "library/videos/a.mp4", "before": before, **more}
    )
    bench.root.folder("videos").mkdir(exist_ok=True)
    move.write(folder)
    return folder, move


def test_scans_between_the_crash_and_the_settling(bench: Workbench, original: Path) -> None:
    """Renamed and not switched: a scan knows the video in its new place; a job even uses that."""
    video = _add(bench, original)
    _half_done(bench, video)
    (bench.root.path / video.path).rename(bench.root.path / "library/videos/a.mp4")
    _scan(bench, "inbox", "videos")
    found = _records()
    assert [(path, record.id) for path, record in found.items()] == [("library/videos/a.mp4", video.id)]
    thumbnail(bench, str(found["library/videos/a.mp4"].id))
    shutil.rmtree(bench.root.path / "thumbnails")
    assert reconcile(bench.root, Notes()) == 1
    with session() as opened:
        assert searching.get_video(opened, video.id).thumbnail_path is not None
    video.thumbnail_path = _records()["library/videos/a.mp4"].thumbnail_path
    _is_moved(bench, video, "library/videos/a.mp4", original)


def test_a_scan_of_the_source_before_it_is_removed(disk: Workbench, original: Path) -> None:
    """Copied and switched, the source still there: a scan takes it for a new video."""
    video = _add(disk, original)
    target = disk.root.path / "library/videos/a.mp4"
    shutil.copy2(disk.root.path / video.path, target)
    _half_done(disk, video, staged="library/videos/.x", copied=identity(target), apart=True)
    with session() as opened:
        record = searching.get_video(opened, video.id)
        record.path, record.directory_type = "library/videos/a.mp4", "videos"
    _scan(disk, "inbox", "videos")
    assert len(_records()) == 2
    assert reconcile(disk.root, Notes()) == 1
    _is_moved(disk, video, "library/videos/a.mp4", original)


def test_a_source_that_changed_after_the_crash_is_what_counts_and_the_copy_of_it_stays(
    disk: Workbench, original: Path
) -> None:
    video = _add(disk, original)
    target = disk.root.path / "library/videos/a.mp4"
    shutil.copy2(disk.root.path / video.path, target)
    _half_done(disk, video, staged="library/videos/.x", copied=identity(target), apart=True)
    (disk.root.path / video.path).write_bytes(b"edited")
    notes = Notes()
    assert reconcile(disk.root, notes) == 1
    assert notes.said("library/videos/a.mp4 is a copy of inbox/a.mp4 as it was before; it stays")
    assert _files(disk.root) == {"inbox/a.mp4": b"edited", "library/videos/a.mp4": original.read_bytes()}
    assert _records() == {"inbox/a.mp4": video}


def test_a_copy_whose_source_somebody_removed_is_saved(disk: Workbench, original: Path) -> None:
    video = _add(disk, original)
    staged = disk.root.folder("videos") / ".x"
    shutil.copy2(disk.root.path / video.path, staged)
    _half_done(disk, video, staged="library/videos/.x", copied=identity(staged), apart=True)
    (disk.root.path / video.path).unlink()
    _scan(disk, "inbox", "videos")
    assert reconcile(disk.root, Notes()) == 1
    _is_moved(disk, video, "library/videos/a.mp4", original)


def test_a_disk_that_is_not_mounted_is_waited_for(bench: Workbench, original: Path) -> None:
    """The target's disk is away, with the only proof of what was done: nothing is touched till it is back."""
    video = _add(bench, original)
    folder, _ = _half_done(bench, video, staged="library/videos/.x", apart=True)
    notes = Notes()
    assert reconcile(bench.root, notes) == 0
    assert notes.said("left for later: half: The move of inbox/a.mp4 to library/videos/a.mp4 is unfinished")
    with refused(NotMounted, path="library/videos/a.mp4"):
        move_journal.settle(bench.root, folder, notes)
    assert (folder / move_journal.NAME).exists()
    assert (bench.root.path / video.path).read_bytes() == original.read_bytes()


def test_moves_while_scans_run(bench: Workbench, original: Path) -> None:
    """The one video is never twice in the catalogue as present, and never called missing while it is there."""
    video = _add(bench, original)
    bench.root.folder("videos").mkdir()
    over = threading.Event()

    def scanning() -> None:
        while not over.is_set():
            _scan(bench, "inbox", "videos")

    scanner = threading.Thread(target=scanning)
    scanner.start()
    try:
        for number in range(30):
            _move(bench, video, ("videos", "inbox")[number % 2])
            with session() as opened:
                assert searching.usable_video(opened, video.id).path.startswith(("library/videos", "inbox"))
    finally:
        over.set()
        scanner.join()
    _is_moved(bench, video, "inbox/a.mp4", original)
