from __future__ import annotations

import errno
import json
import os
import shutil
import subprocess
import sys
import time
from dataclasses import replace
from fractions import Fraction
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from sqlmodel import select

from reelmill.catalogue.engine import session
from reelmill.catalogue.facts import tagging
from reelmill.catalogue.facts.product_sources import SourceSegment
from reelmill.catalogue.models import Video
from reelmill.errors import (
    ChangedMeanwhile,
    DiskFull,
    NameTaken,
    OutputRejected,
    OutsideMediaRoot,
    UserError,
    WrongParameter,
)
from reelmill.ffmpeg.reading.decode import check_whole
from reelmill.ffmpeg.reading.decode_report import DecodeReport
from reelmill.ffmpeg.reading.decode_request import DecodeRequest
from reelmill.ffmpeg.verify import Expectation
from reelmill.operations.context import Workbench
from reelmill.operations.jobs.scan import scan
from reelmill.operations.jobs.validate import validate
from reelmill.operations.once import attempt, files_once
from reelmill.operations.publishing import publish_journal
from reelmill.operations.publishing.publish import Product, output_path, publish
from reelmill.operations.publishing.records import find_by_recipe, new_record
from reelmill.operations.publishing.workspace import reconcile, workspace
from reelmill.operations.recipe import Recipe, recipe
from reelmill.storage import atomic_files
from reelmill.storage.atomic_files import _rename_noreplace, place, rename
from reelmill.storage.file_names import fitting
from reelmill.storage.media_root import MediaRoot
from tests.clips import Notes, clip, cut_off, tiny_disk
from tests.operations.crashes import PRODUCT, RECIPE, WANTED, make
from tests.operations.library import add, files, marked
from tests.patience import PATIENCE
from tests.refusals import refused

_REPOSITORY = Path(__file__).parent.parent.parent


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return marked(tmp_path_factory.mktemp("original") / "original.mp4")


def _records() -> list[Video]:
    with session() as opened:
        return list(opened.exec(select(Video)))


def _files(root: MediaRoot) -> dict[str, bytes]:
    """Everything under the root but the work folder's own."""
    return {root.relative(path): path.read_bytes() for path in files(root)}


def _publish(bench: Workbench, original: Path, product: Product = PRODUCT) -> Video:
    with workspace(bench.root, product.recipe, bench.report) as folder:
        staged = folder / "staged.mp4"
        shutil.copyfile(original, staged)
        return publish(bench, staged, product)


def test_a_file_enters_with_its_record(bench: Workbench, original: Path) -> None:
    video = _publish(bench, original)
    assert _files(bench.root) == {WANTED: original.read_bytes()}
    (record,) = _records()
    assert record == video
    stat = (bench.root.path / WANTED).stat()
    assert (record.path, record.directory_type, record.filename) == (WANTED, "compilations", "out.mp4")
    assert (record.size, record.mtime_ns) == (stat.st_size, stat.st_mtime_ns)
    assert (record.title, record.recipe, record.is_valid) == ("Out", RECIPE, True)
    assert (record.video_codec, record.width, record.frame_rate) == ("h264", 64, Fraction(25))
    assert stat.st_nlink == 1  # the staged name is gone
    assert list(bench.root.work.iterdir()) == []


@pytest.mark.parametrize("then", ["replaced", "touched", "removed"])
def test_a_source_is_looked_at_again_after_its_product_was_verified(
    bench: Workbench, original: Path, then: str
) -> None:
    source = bench.root.path / "inbox/a.mp4"
    shutil.copyfile(original, source)
    video = add(bench, source)
    product = replace(PRODUCT, recipe=recipe("test", [bench.content(video)]), sources=(SourceSegment.whole(video),))

    def meanwhile(path: Path, request: DecodeRequest) -> DecodeReport:
        match then:
            case "replaced":
                source.write_bytes(original.read_bytes().replace(b"Lavf", b"Xavf"))
            case "touched":
                os.utime(source)
            case "removed":  # what was made of it is of what it was
                source.unlink()
        return check_whole(path, request)

    with workspace(bench.root, product.recipe, bench.report) as folder:
        staged = folder / "staged.mp4"
        shutil.copyfile(original, staged)
        if then == "replaced":
            with refused(ChangedMeanwhile, path="inbox/a.mp4"):
                publish(bench, staged, product, meanwhile)
        else:
            publish(bench, staged, product, meanwhile)
    assert (bench.root.path / WANTED).exists() == (then != "replaced")
    assert len(_records()) == 1 + (then != "replaced")


def test_the_same_recipe_is_found_and_not_made_again(bench: Workbench, original: Path) -> None:
    assert find_by_recipe(bench.root, RECIPE) is None
    assert make(bench.root, original) == "made"
    before = _files(bench.root), _records()
    assert make(bench.root, original) == "found"
    assert (_files(bench.root), _records()) == before


def test_a_result_that_was_removed_is_made_again(bench: Workbench, original: Path) -> None:
    make(bench.root, original)
    (first,) = _records()
    (bench.root.path / WANTED).unlink()
    assert make(bench.root, original) == "made"
    (second,) = _records()
    assert (second.id, second.recipe) == (first.id, RECIPE)
    assert _files(bench.root) == {WANTED: original.read_bytes()}


@pytest.mark.parametrize("exact", [False, True])
def test_a_product_takes_over_no_record_of_another_video(bench: Workbench, original: Path, exact: bool) -> None:
    """It took its id, and with it the tags a person had given to the other."""
    product = replace(PRODUCT, path="library/films/out.mp4", exact=exact)
    theirs = bench.root.path / product.path
    theirs.parent.mkdir(parents=True)
    shutil.copyfile(original, theirs)
    scan(bench.root, "films", directory_types=["films"], settle_seconds=0)
    (other,) = _records()
    with session() as opened:
        tagging.set_by_person(opened, other.id, "holiday")
    theirs.unlink()
    video = _publish(bench, original, product)
    assert video.id != other.id
    assert (video.path == product.path) is exact
    with session() as opened:
        assert [tag.name for tag in tagging.tags_of(opened, other.id)] == ["holiday"]
        assert tagging.tags_of(opened, video.id) == []
    assert len(_records()) == 2


def test_a_full_check_makes_no_product_of_an_original(bench: Workbench, original: Path) -> None:
    """It gives the record a hash, as publishing does."""
    theirs = bench.root.path / "library/films/out.mp4"
    theirs.parent.mkdir(parents=True)
    shutil.copyfile(original, theirs)
    scan(bench.root, "films", directory_types=["films"], settle_seconds=0)
    (other,) = _records()
    validate(bench, str(other.id), depth="full")
    theirs.unlink()
    video = _publish(bench, original, replace(PRODUCT, path="library/films/out.mp4", exact=True))
    assert video.id != other.id
    assert len(_records()) == 2


def test_a_product_of_an_earlier_name_is_found_though_another_record_holds_the_present_one(
    bench: Workbench, original: Path
) -> None:
    """The other's file has been removed, and nobody has noticed."""
    gone = _publish(bench, original)
    (bench.root.path / gone.path).unlink()
    former = Recipe("f" * 32)
    kept = _publish(bench, original, replace(PRODUCT, path="compilations/kept.mp4", recipe=former))
    recipe = Recipe(RECIPE, former={str(former): str(RECIPE)})
    with attempt(bench, recipe) as turn:
        assert turn.found is not None
        assert turn.found.id == kept.id
    recipes = {video.id: video.recipe for video in _records()}
    assert recipes == {gone.id: None, kept.id: str(RECIPE)}


def test_a_result_that_was_replaced_is_left_alone_and_made_anew(bench: Workbench, original: Path) -> None:
    make(bench.root, original)
    (bench.root.path / WANTED).write_bytes(b"a person's own")
    assert make(bench.root, original) == "made"
    files = _files(bench.root)
    assert files[WANTED] == b"a person's own"
    assert files == {WANTED: b"a person's own", f"compilations/out-{RECIPE[:8]}.mp4": original.read_bytes()}
    assert {video.path: video.recipe for video in _records()} == {
        WANTED: None,
        f"compilations/out-{RECIPE[:8]}.mp4": RECIPE,
    }


@pytest.mark.parametrize("seen_by", ["scan", "validate"])
def test_a_result_that_was_replaced_and_seen_since_is_not_taken_for_the_result(
    bench: Workbench, original: Path, seen_by: str
) -> None:
    product = replace(PRODUCT, path="library/videos/out.mp4")
    first = _publish(bench, original, product)
    theirs = clip(bench.root.path / product.path, seconds=0.4, size="32x32").read_bytes()
    if seen_by == "scan":
        scan(bench.root, "videos", directory_types=["videos"], settle_seconds=0, report=bench.report)
    else:
        validate(bench, str(first.id))
    assert find_by_recipe(bench.root, RECIPE) is None
    second = _publish(bench, original, product)
    assert second.path == f"library/videos/out-{RECIPE[:8]}.mp4"
    assert _files(bench.root)[product.path] == theirs
    scan(bench.root, "videos", directory_types=["videos"], settle_seconds=0, skip_existing=False, report=bench.report)
    found = find_by_recipe(bench.root, RECIPE)
    assert found is not None
    assert found.id == second.id


def test_taken_names_get_a_suffix_and_nothing_is_overwritten(bench: Workbench, original: Path) -> None:
    names = [WANTED, f"compilations/out-{RECIPE[:8]}.mp4", f"compilations/out-{RECIPE[:8]}-2.mp4"]
    for name in names:
        (bench.root.path / name).write_bytes(name.encode())
    video = _publish(bench, original)
    assert video.path == f"compilations/out-{RECIPE[:8]}-3.mp4"
    files = _files(bench.root)
    assert files.pop(video.path) == original.read_bytes()
    assert files == {name: name.encode() for name in names}


@pytest.mark.parametrize("kind", ["file", "folder", "dead link"])
def test_an_exact_path_that_is_taken_is_an_error(bench: Workbench, original: Path, kind: str) -> None:
    final = bench.root.path / WANTED
    if kind == "file":
        final.write_bytes(b"theirs")
    elif kind == "folder":
        final.mkdir()
    else:
        final.symlink_to(bench.root.path / "compilations/gone.mp4")
    before = sorted((path.name, path.is_symlink()) for path in final.parent.iterdir())
    with refused(NameTaken, path="compilations/out.mp4"):
        _publish(bench, original, replace(PRODUCT, exact=True))
    assert sorted((path.name, path.is_symlink()) for path in final.parent.iterdir()) == before
    assert kind != "file" or final.read_bytes() == b"theirs"
    assert _records() == []


def test_an_exact_path_that_is_free(bench: Workbench, original: Path) -> None:
    path = "library/films/new folder/été.mp4"
    assert _publish(bench, original, replace(PRODUCT, exact=True, path=path)).path == path
    assert _files(bench.root) == {path: original.read_bytes()}


@pytest.mark.parametrize("path", ["../out.mp4", "/etc/out.mp4", "out.mp4", ".reelmill/work/out.mp4"])
def test_a_path_outside_the_library_is_refused(bench: Workbench, original: Path, path: str) -> None:
    with pytest.raises(UserError):
        _publish(bench, original, replace(PRODUCT, path=path))
    assert _files(bench.root) == {}


def test_a_bad_file_never_enters(bench: Workbench, original: Path, tmp_path: Path) -> None:
    half = cut_off(original, tmp_path / "half.mp4", keep=0.5)
    with pytest.raises(OutputRejected):
        _publish(bench, half)
    with pytest.raises(OutputRejected):
        _publish(bench, original, replace(PRODUCT, expected=Expectation(frames=6)))
    assert _files(bench.root) == {}
    assert _records() == []


def test_a_record_of_another_whose_file_vanished_stays(bench: Workbench, original: Path) -> None:
    old = Video(title="old", path=WANTED, directory_type="compilations", filename="out.mp4", size=1, mtime_ns=1)
    old.missing_since = old.created_at
    with session() as opened:
        opened.add(old)
    video = _publish(bench, original)
    assert {record.id: (record.title, record.path) for record in _records()} == {
        old.id: ("old", WANTED),
        video.id: ("Out", f"compilations/out-{RECIPE[:8]}.mp4"),
    }


def test_two_that_slipped_past_the_lock_leave_one(bench: Workbench, original: Path) -> None:
    first = _publish(bench, original)
    second = _publish(bench, original)
    assert second.id == first.id
    assert _files(bench.root) == {WANTED: original.read_bytes()}
    assert [record.id for record in _records()] == [first.id]


@pytest.mark.parametrize(
    ("stem", "ending"),
    [("a", ".mp4"), ("x" * 300, ".mp4"), ("é" * 200, ".mp4"), ("🎬" * 80, "-01234567-12.mp4"), ("x" * 251, ".mp4")],
)
def test_fitting(stem: str, ending: str) -> None:
    name = fitting(stem, ending)
    assert len(name.encode()) <= 255
    assert name.endswith(ending)
    kept = name.removesuffix(ending)
    assert stem.startswith(kept)
    assert kept == stem or len((kept + stem[len(kept)] + ending).encode()) > 255  # not one character was lost in vain


def test_long_names_and_their_suffixes_fit(bench: Workbench, original: Path) -> None:
    product = replace(PRODUCT, path=f"compilations/{'動' * 100}.mp4")
    first = _publish(bench, original, product)
    other = replace(product, recipe="f" * 32)
    second = _publish(bench, original, other)
    assert first.filename == "動" * 83 + ".mp4"
    assert second.filename == "動" * 80 + "-ffffffff.mp4"
    assert set(_files(bench.root)) == {first.path, second.path}


def test_place_never_overwrites(tmp_path: Path) -> None:
    staged, final = tmp_path / "staged", tmp_path / "final"
    staged.write_bytes(b"new")
    final.write_bytes(b"old")
    assert not place(staged, final)
    assert (staged.read_bytes(), final.read_bytes()) == (b"new", b"old")
    final.unlink()
    assert place(staged, final)
    assert final.read_bytes() == b"new"


def test_rename_without_replacing(tmp_path: Path) -> None:
    staged, final = tmp_path / "staged é\n", tmp_path / "final 🎬"
    staged.write_bytes(b"new")
    final.write_bytes(b"old")
    assert not _rename_noreplace(staged, final)
    assert (staged.read_bytes(), final.read_bytes()) == (b"new", b"old")
    final.unlink()
    assert _rename_noreplace(staged, final)
    assert final.read_bytes() == b"new"
    assert not staged.exists()
    with pytest.raises(FileNotFoundError):
        _rename_noreplace(staged, tmp_path / "other")


@pytest.mark.parametrize("code", [errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK])
def test_a_disk_without_hard_links(
    bench: Workbench, original: Path, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    def refuse(source: object, target: object) -> None:
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(os, "link", refuse)
    (bench.root.path / WANTED).write_bytes(b"theirs")
    video = _publish(bench, original)
    assert _files(bench.root) == {WANTED: b"theirs", video.path: original.read_bytes()}
    assert [record.path for record in _records()] == [video.path]


@pytest.fixture
def plain_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    """A file system such as rclone's over FUSE: no hard links, and no rename that replaces nothing."""

    def refuse(code: int, *_: object) -> None:
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(os, "link", partial(refuse, errno.EPERM))
    monkeypatch.setattr(atomic_files, "_rename_noreplace", partial(refuse, errno.EINVAL))


def test_a_disk_that_can_only_rename(bench: Workbench, original: Path, plain_disk: None) -> None:
    (bench.root.path / WANTED).write_bytes(b"theirs")
    video = _publish(bench, original)
    assert _files(bench.root) == {WANTED: b"theirs", video.path: original.read_bytes()}
    assert [record.path for record in _records()] == [video.path]


def test_a_name_is_reserved_before_it_is_taken_and_free_again_where_that_fails(
    tmp_path: Path, plain_disk: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    staged, final, seen = tmp_path / "staged", tmp_path / "final", []

    def fail(old: Path, new: Path) -> None:
        seen.append((new, new.stat().st_size))
        raise OSError(errno.EIO, "Input/output error")

    staged.write_bytes(b"new")
    monkeypatch.setattr(Path, "rename", fail)
    for give in (place, rename):
        with refused(OSError, errno=errno.EIO):
            give(staged, final)
        assert seen.pop() == (final, 0)
        assert not final.exists()
    final.write_bytes(b"old")
    assert not place(staged, final)
    assert not rename(staged, final)
    assert (staged.read_bytes(), final.read_bytes()) == (b"new", b"old")


def test_a_name_that_a_killed_run_reserved_is_free_again(bench: Workbench, original: Path, tmp_path: Path) -> None:
    staged, final = tmp_path / "staged.mp4", bench.root.path / WANTED
    shutil.copyfile(original, staged)
    video = new_record(WANTED, "compilations", staged.stat())
    publish_journal.write(staged, video)
    final.touch()
    publish_journal.settle(bench.root, tmp_path, Notes())
    assert not final.exists()
    final.write_bytes(b"theirs")
    publish_journal.settle(bench.root, tmp_path, Notes())
    assert final.read_bytes() == b"theirs"


def _image(path: Path) -> None:
    path.write_bytes(b"image")


def test_an_image_whose_name_was_only_reserved_is_made(bench: Workbench) -> None:
    (bench.root.path / "thumbnails/a.jpg").touch()
    made = files_once(bench, RECIPE, {"thumbnails/a.jpg": _image})
    assert not made
    assert (bench.root.path / "thumbnails/a.jpg").read_bytes() == b"image"


def test_another_trouble_with_the_link_is_not_hidden(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        place(tmp_path / "gone", tmp_path / "final")


@pytest.mark.parametrize("room", ["none for the file", "none for the intent"])
def test_a_full_disk_leaves_nothing(catalogue: str, open_folder: Path, original: Path, room: str) -> None:
    with tiny_disk(open_folder / "tiny-publish") as folder:
        root = MediaRoot(folder)
        root.create()
        bench = Workbench(root=root, report=Notes())
        with refused(DiskFull), workspace(root, RECIPE, bench.report) as work:
            _stage_and_fill(bench, work, original, room)
        (folder / "filler").unlink()
        assert _files(root) == {}
        assert _records() == []
        assert make(root, original) == "made"


def _stage_and_fill(bench: Workbench, work: Path, original: Path, room: str) -> None:
    staged = work / "staged.mp4"
    if room == "none for the intent":
        shutil.copyfile(original, staged)
    with (bench.root.path / "filler").open("wb", buffering=0) as filler:
        free = os.statvfs(bench.root.path)
        filler.write(bytes(free.f_bavail * free.f_frsize))
    if room == "none for the file":
        shutil.copyfile(original, staged)
    publish(bench, staged, PRODUCT)


@pytest.mark.parametrize(
    ("written", "relative"),
    [("compilations/a.mp4", "compilations/a.mp4"), ("inbox/../digests/a.MP4", "digests/a.MP4")],
)
def test_output_path(media_root: MediaRoot, written: str, relative: str) -> None:
    assert output_path(media_root, written) == relative
    assert output_path(media_root, str(media_root.path / written)) == relative


def test_an_output_path_that_will_not_do(media_root: MediaRoot) -> None:
    with refused(OutsideMediaRoot, path="../a.mp4"):
        output_path(media_root, "../a.mp4")
    with refused(WrongParameter, parameter="target", value="compilations/a.mkv"):
        output_path(media_root, "compilations/a.mkv")
    with refused(OutsideMediaRoot, path="a.mp4"):
        output_path(media_root, "a.mp4")


# Killed at every boundary: nothing lost, nothing doubled, nothing left over.


def _python(*arguments: str | Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "tests.operations.crashes", *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=_REPOSITORY,
    )


def test_killed_at_every_boundary(catalogue: str, media_root: MediaRoot, original: Path, tmp_path: Path) -> None:
    theirs = tmp_path / "theirs.mp4"
    theirs.write_bytes(b"a person's own")
    with _python(media_root.path, original, theirs) as process:
        said, trouble = process.communicate()
    lives = [json.loads(line) for line in said.splitlines()]
    assert lives, trouble
    *killed, last = lives
    assert last["ended"] == 0
    assert len(killed) == last["count"] > 20
    assert {life["ended"] for life in killed} == {-9}
    ours, before = f"compilations/out-{RECIPE[:8]}.mp4", {WANTED: theirs.stat().st_size}
    ends = [_library_after(life["recovered"], ours, before) for life in lives]
    assert sorted(ends) == ends  # once complete, complete at every later boundary
    assert {"as it was", "complete"} == set(ends)
    for life, end in zip(lives, ends, strict=True):
        assert life["again"] == ("found" if end == "complete" else "made")
        assert _library_after(life["after"], ours, before) == "complete"
    assert any("recovered:" in line for life in lives for line in life["said"])


def _library_after(state: dict[str, Any], ours: str, before: dict[str, int]) -> str:
    """``as it was`` or ``complete``; everything else fails. In this order, which is also the alphabet's."""
    assert state["work"] == []
    files = {path: size for path, (size, _) in state["files"].items()}
    mine = files.pop(ours, None)
    assert files == before
    if mine is None:
        assert state["records"] == []
        return "as it was"
    (record,) = state["records"]
    assert (record["path"], record["recipe"], record["title"], record["frame_rate"]) == (ours, RECIPE, "Out", "25")
    assert record["stat"] == state["files"][ours]
    return "complete"


def test_reconcile_leaves_work_alone_that_somebody_is_in(bench: Workbench) -> None:
    with workspace(bench.root, RECIPE, bench.report) as folder:
        (folder / "half.mp4").write_bytes(b"half")
        (bench.root.work / "abandoned").mkdir()
        assert reconcile(bench.root, Notes()) == 1
        assert (folder / "half.mp4").read_bytes() == b"half"
    assert list(bench.root.work.iterdir()) == []


def test_reconcile_before_there_is_a_root(catalogue: str, tmp_path: Path) -> None:
    assert reconcile(MediaRoot(tmp_path / "nothing-here"), Notes()) == 0


def _left_behind(root: MediaRoot, original: Path) -> tuple[Path, Video]:
    """A workspace as it is when its process is killed between the intent and the link."""
    folder = root.work / RECIPE
    folder.mkdir()
    staged = folder / "staged.mp4"
    shutil.copyfile(original, staged)
    video = Video(
        title="Out",
        path=WANTED,
        directory_type="compilations",
        filename="out.mp4",
        size=staged.stat().st_size,
        mtime_ns=staged.stat().st_mtime_ns,
        recipe=RECIPE,
    )
    publish_journal.write(staged, video)
    return staged, video


def test_recovery_does_not_take_a_file_that_came_to_the_same_path(bench: Workbench, original: Path) -> None:
    """Same size and time, yet another file: somebody put it there after the kill."""
    staged, _ = _left_behind(bench.root, original)
    theirs = bench.root.path / WANTED
    shutil.copy2(staged, theirs)
    assert theirs.stat().st_mtime_ns == staged.stat().st_mtime_ns
    assert reconcile(bench.root, Notes()) == 1
    assert _records() == []
    assert _files(bench.root) == {WANTED: original.read_bytes()}


def test_recovery_leaves_a_finished_record_as_people_edited_it(bench: Workbench, original: Path) -> None:
    staged, video = _left_behind(bench.root, original)
    assert place(staged, bench.root.path / WANTED)
    video.title = "A person's title"
    with session() as opened:
        opened.add(video)
    notes = Notes()
    reconcile(bench.root, notes)
    assert [record.title for record in _records()] == ["A person's title"]
    assert not notes.said("recovered")


def test_an_intent_half_written_is_none(bench: Workbench, original: Path) -> None:
    folder = bench.root.work / RECIPE
    folder.mkdir()
    (folder / "intent.json.new").write_text('{"inode": 12, "vid')
    assert reconcile(bench.root, Notes()) == 1
    assert _files(bench.root) == {}
    assert make(bench.root, original) == "made"


def test_two_processes_with_one_recipe_make_one_file(bench: Workbench, original: Path) -> None:
    """Both wait while the recipe's workspace is held, and then the second finds what the first made."""
    with workspace(bench.root, RECIPE, bench.report):
        processes = [_python(bench.root.path, original) for _ in range(2)]
        time.sleep(2.5)
        assert [process.poll() for process in processes] == [None, None]
        assert _records() == []
    answers = [process.communicate(timeout=PATIENCE) for process in processes]
    assert sorted(out.strip() for out, _ in answers) == ["found", "made"], answers
    assert _files(bench.root) == {WANTED: original.read_bytes()}
    assert [record.path for record in _records()] == [WANTED]
