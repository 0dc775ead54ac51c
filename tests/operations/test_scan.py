from __future__ import annotations

import gc
import os
import shutil
import subprocess
import sys
import time
import uuid
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from av.error import InvalidDataError
from sqlalchemy import text

from reelmill.catalogue.engine import get_engine, session
from reelmill.catalogue.models import Video
from reelmill.catalogue.videos import scanning, searching
from reelmill.catalogue.videos.scanning import KnownFile
from reelmill.doctor.findings import clean
from reelmill.doctor.library import check_library
from reelmill.errors import FileMissing, NotMounted, Unstorable, WrongParameter
from reelmill.operations.context import Workbench
from reelmill.operations.jobs import scan as scan_module
from reelmill.operations.jobs.scan import ScanResult, scan
from reelmill.operations.publishing.records import read_record
from reelmill.operations.scan_changes import ChangeList, FileChange, Kind, table_rows
from reelmill.operations.scan_plan import ScanPlan, again_in, scan_plan
from reelmill.operations.undated_files import UndatedFiles
from reelmill.operations.walk import Walk, WalkedFile
from reelmill.storage.media_root import MediaRoot
from reelmill.troubles import Flaw
from tests.clips import Notes, as_nobody, clip, cut_off, ffmpeg, tiny_disk
from tests.refusals import refused

_LONG_AGO = 1_600_000_000
_COUNTS = {"new", "changed", "moved", "unchanged", "missing", "invalid", "waiting", "refused"}


@pytest.fixture(scope="session")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return clip(tmp_path_factory.mktemp("original") / "original.mp4", seconds=0.2, size="64x48")


class Library:
    """A media root to put files into, and what a scan says of it."""

    def __init__(self, root: MediaRoot, original: Path):
        self.root, self.original = root, original
        self.notes = Notes()
        self.reasons: tuple[str, ...] = ()
        self.result = ScanResult()

    def put(self, path: str, source: Path | None = None, *, age: float | None = None) -> Path:
        """A copy of a video, old enough to count as finished."""
        target = self.root.path / path
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source or self.original, target)
        when = _LONG_AGO if age is None else time.time() - age
        os.utime(target, (when, when))
        return target

    def scan(self, kind: str = "inbox", **options: Any) -> dict[str, int]:
        """The counts that are not zero."""
        self.notes = Notes()
        types = options.pop("directory_types", ("inbox", "public", "films", "playback"))
        result = scan(self.root, kind, directory_types=types, report=self.notes, **options)
        assert isinstance(result, ScanResult)
        self.reasons, self.result = result.reasons, result
        return {name: count for name, count in result.model_dump(include=_COUNTS).items() if count}

    def record(self, path: str) -> Video:
        with session() as opened:
            video = searching.by_path(opened, path)
        assert video is not None, path
        return video

    def paths(self) -> set[str]:
        with session() as opened:
            return {video.path for video in searching.entries(opened, limit=10_000)}


@pytest.fixture
def library(catalogue: str, media_root: MediaRoot, original: Path) -> Library:
    return Library(media_root, original)


def test_an_empty_folder(library: Library) -> None:
    assert library.scan() == {}
    assert library.notes.fractions[-1] == 1.0
    assert library.result.result_card().title == "Scanned: no videos are there"


def test_a_scan_that_meets_no_video_names_the_folders_that_no_scan_has_seen(library: Library) -> None:
    """Whoever has put videos into one folder and scans another finds out, in the words of the doctor."""
    library.put("library/shows/deep/a.mp4")
    library.put("public/a.mp4")
    library.put("library/@eaDir/a.mp4")
    notes = library.root.folder("inbox") / "notes.txt"
    notes.write_text("no video")
    assert library.scan() == {}
    notes.unlink()
    words = "no scan has seen yet what is in {}"
    title = library.result.result_card().title
    assert title == f"Scanned: no videos are there; {words.format('public, library/shows')}"
    assert library.scan("public") == {"new": 1}
    assert library.result.result_card().title == "Scanned: 1 new"
    assert library.scan() == {}
    assert library.result.never_scanned == ("library/shows",)
    (found,) = (each for each in check_library(library.root) if each.check == "leftovers")
    assert words.format("library/shows") in found.sentence


def test_files_and_records_are_compared_without_the_garbage_collector(
    library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A full collection in between took as long as the scan of ten thousand unchanged files around it."""
    on: list[bool] = []

    def noting(files: Iterable[WalkedFile], known: Iterable[KnownFile], **options: Any) -> ScanPlan:
        decided = scan_plan(files, known, **options)
        on.append(gc.isenabled())
        return decided

    monkeypatch.setattr(scan_module, "scan_plan", noting)
    library.scan()
    assert on == [False]
    assert gc.isenabled()


def test_new_then_unchanged(library: Library) -> None:
    library.put("inbox/a.mp4")
    library.put("inbox/deep/er/b.mp4")
    assert library.scan() == {"new": 2}
    assert library.scan() == {"unchanged": 2}
    assert library.paths() == {"inbox/a.mp4", "inbox/deep/er/b.mp4"}


def test_the_facts_are_those_of_the_file(library: Library) -> None:
    path = library.put("library/films/a.mp4")
    assert library.scan("films") == {"new": 1}
    video = library.record("library/films/a.mp4")
    assert (video.directory_type, video.filename, video.title) == ("films", "a.mp4", "a")
    assert (video.size, video.mtime_ns) == (path.stat().st_size, path.stat().st_mtime_ns)
    assert (video.video_codec, video.audio_codec, video.width, video.height) == ("h264", "aac", 64, 48)
    assert (video.frame_rate, video.duration, video.rotation) == (Fraction(25), 0.2, 0)
    assert video.orientation == "landscape"
    assert (video.audio_tracks, video.subtitle_tracks, video.is_valid) == (1, 0, True)
    assert video.missing_since is None
    assert video.validation_error is None


def test_changed_is_what_holds_something_else_and_not_what_was_touched(library: Library, tmp_path: Path) -> None:
    for name in ("same", "time", "size"):
        library.put(f"inbox/{name}.mp4")
    library.scan()
    ids = {name: library.record(f"inbox/{name}.mp4").id for name in ("time", "size")}
    os.utime(library.root.path / "inbox/time.mp4", (_LONG_AGO + 1, _LONG_AGO + 1))
    library.put("inbox/size.mp4", clip(tmp_path / "other.mp4", seconds=0.4, size="128x96"))
    assert library.scan() == {"changed": 1, "unchanged": 2}
    assert library.record("inbox/size.mp4").width == 128
    assert {name: library.record(f"inbox/{name}.mp4").id for name in ids} == ids
    assert library.scan() == {"unchanged": 3}


def test_every_file_again_when_asked(library: Library) -> None:
    library.put("inbox/a.mp4")
    library.scan()
    with session() as opened:
        searching.get_video(opened, library.record("inbox/a.mp4").id).width = 1
    assert library.scan(skip_existing=False) == {"unchanged": 1}
    assert library.record("inbox/a.mp4").width == 64


def test_a_deleted_file_is_marked_and_its_record_kept(library: Library) -> None:
    path = library.put("inbox/a.mp4")
    library.put("inbox/b.mp4")
    library.scan()
    before = library.record("inbox/a.mp4")
    path.unlink()
    assert library.scan() == {"missing": 1, "unchanged": 1}
    after = library.record("inbox/a.mp4")
    assert (after.id, after.title, after.width) == (before.id, before.title, before.width)
    assert after.missing_since is not None
    assert library.scan() == {"unchanged": 1}  # it is missing once, not at every scan
    assert library.record("inbox/a.mp4").missing_since == after.missing_since


@pytest.mark.parametrize("touched", [False, True])
def test_a_file_that_comes_back_is_the_same_video(library: Library, touched: bool) -> None:
    path = library.put("inbox/a.mp4")
    library.scan()
    before = library.record("inbox/a.mp4")
    path.unlink()
    library.scan()
    library.put("inbox/a.mp4")
    if touched:
        os.utime(path, (_LONG_AGO + 5, _LONG_AGO + 5))
    assert library.scan() == {"unchanged": 1}
    assert [change.kind for change in library.result.files] == ["returned"]
    after = library.record("inbox/a.mp4")
    assert (after.id, after.missing_since) == (before.id, None)


def test_one_folder_says_nothing_of_another(library: Library) -> None:
    library.put("inbox/a.mp4")
    library.put("public/b.mp4")
    assert library.scan("inbox") == {"new": 1}
    assert library.scan("public") == {"new": 1}
    (library.root.path / "public/b.mp4").unlink()
    assert library.scan("inbox") == {"unchanged": 1}
    assert library.record("public/b.mp4").missing_since is None


def test_the_title_is_the_tag_else_the_stem(library: Library, tmp_path: Path) -> None:
    tagged = tmp_path / "tagged.mp4"
    ffmpeg("-i", library.original, "-c", "copy", "-metadata", "title=The Tag", tagged)
    library.put("inbox/file name.with.dots.mp4", tagged)
    library.put("inbox/file name.no.tag.mp4")
    library.scan()
    assert library.record("inbox/file name.with.dots.mp4").title == "The Tag"
    assert library.record("inbox/file name.no.tag.mp4").title == "file name.no.tag"


def test_a_persons_title_outlives_a_new_scan_of_a_changed_file(library: Library) -> None:
    path = library.put("inbox/a.mp4")
    library.scan()
    with session() as opened:
        searching.get_video(opened, library.record("inbox/a.mp4").id).title = "Grandma's birthday"
    _edit(path)
    assert library.scan() == {"changed": 1}
    assert library.scan(skip_existing=False) == {"unchanged": 1}
    assert library.record("inbox/a.mp4").title == "Grandma's birthday"


def test_what_is_no_video_is_recorded_with_its_reason(library: Library, tmp_path: Path) -> None:
    prose = tmp_path / "text"
    prose.write_text("not a video\n" * 100)
    library.put("inbox/good.mp4")
    library.put("inbox/text.mp4", prose)
    library.put("inbox/empty.mp4", Path(os.devnull))
    library.put("inbox/cut.mp4", cut_off(library.original, tmp_path / "cut.mp4", keep=0.5))
    assert library.scan() == {"new": 4, "invalid": 3}
    for name in ("text", "empty", "cut"):
        video = library.record(f"inbox/{name}.mp4")
        assert not video.is_valid
        assert f"{name}.mp4" in (video.validation_error or "")
        assert library.notes.said(f"{name}.mp4")
    assert library.record("inbox/good.mp4").is_valid
    assert library.scan() == {"unchanged": 4}


def test_a_file_that_was_mended_is_valid_again(library: Library) -> None:
    library.put("inbox/a.mp4", Path(os.devnull))
    library.scan()
    library.put("inbox/a.mp4")
    assert library.scan() == {"changed": 1}
    video = library.record("inbox/a.mp4")
    assert (video.is_valid, video.validation_error, video.width) == (True, None, 64)


def test_a_file_that_went_bad_keeps_no_old_facts(library: Library) -> None:
    library.put("inbox/a.mp4")
    library.scan()
    library.put("inbox/a.mp4", Path(os.devnull))
    assert library.scan() == {"changed": 1, "invalid": 1}
    video = library.record("inbox/a.mp4")
    assert (video.is_valid, video.width, video.duration) == (False, None, None)


def test_a_file_still_being_written_waits(library: Library) -> None:
    path = library.put("inbox/a.mp4", age=5)
    assert library.scan(settle_seconds=30) == {"waiting": 1}
    assert library.notes.said("inbox/a.mp4")
    assert library.result.waiting_files == ("inbox/a.mp4",)
    assert len(library.result.result_card().notes) == 1
    assert library.result.again_in is not None
    assert 0 < library.result.again_in <= 26  # seconds; fewer, the longer this took
    assert library.paths() == set()
    assert library.scan(settle_seconds=2) == {"new": 1}
    assert library.result.again_in is None
    path.write_bytes(path.read_bytes() + b"more")
    assert library.scan(settle_seconds=30) == {"waiting": 1}
    assert library.record("inbox/a.mp4").missing_since is None  # it waits, it is not gone


def test_a_scan_lists_its_files_with_their_ids(library: Library) -> None:
    library.put("inbox/kept.mp4")
    gone = library.put("inbox/gone.mp4")
    library.put("inbox/other.mp4")
    library.scan()
    assert {(file.kind, file.path, file.video_id) for file in library.result.files} == {
        ("new", f"inbox/{name}.mp4", library.record(f"inbox/{name}.mp4").id) for name in ("kept", "gone", "other")
    }
    gone.unlink()
    library.put("inbox/other.mp4", Path(os.devnull))
    _edit(library.put("inbox/new.mp4"))  # not a copy of what is gone
    assert library.scan() == {"new": 1, "changed": 1, "unchanged": 1, "missing": 1, "invalid": 1}
    ids = {name: library.record(f"inbox/{name}.mp4").id for name in ("gone", "other", "new")}
    assert table_rows(library.result.files) == [
        ("changed, invalid", "inbox/other.mp4", str(ids["other"])),
        ("missing", "inbox/gone.mp4", str(ids["gone"])),
        ("new", "inbox/new.mp4", str(ids["new"])),
    ]
    library.put("inbox/gone.mp4")
    assert library.scan() == {"unchanged": 4}
    assert [(file.kind, file.video_id) for file in library.result.files] == [("returned", ids["gone"])]


def test_changes_are_handed_on_once_committed_and_once_in_all(library: Library) -> None:
    seen: list[tuple[str, str, bool]] = []

    def listener(changes: Sequence[FileChange], expected: int) -> None:
        assert expected == 2
        for change in changes:
            assert library.record(change.path).id == change.video_id  # committed: another connection sees it
            seen.append((change.kind, change.path, change.valid))

    library.put("inbox/a.mp4")
    library.put("inbox/bad.mp4", Path(os.devnull))
    library.scan(listener=listener)
    assert sorted(seen) == [("new", "inbox/a.mp4", True), ("new", "inbox/bad.mp4", False)]
    library.scan(listener=listener)
    library.scan(listener=listener, skip_existing=False)
    assert len(seen) == 2


def test_of_many_files_the_first_hundred_of_each_kind_are_listed() -> None:
    changes = ChangeList()
    kinds: list[tuple[Kind, bool]] = [
        ("new", True),
        ("new", False),
        ("missing", True),
        ("unchanged", False),
        ("unchanged", True),
    ]
    for kind, valid in kinds:
        changes.add(
            FileChange(kind=kind, video_id=uuid.uuid4(), path=f"{kind}{number}", title="", size=1, valid=valid)
            for number in range(1000)
        )
    listed = changes.listed()
    assert Counter((change.kind, change.valid) for change in listed) == {
        ("new", True): 100,
        ("new", False): 100,
        ("missing", True): 100,
    }
    assert [row[0] for row in table_rows(listed)] == ["new, invalid"] * 100


@pytest.mark.parametrize(
    ("settled_in", "passed", "looked", "seconds"),
    [(20.0, 0.0, 0.1, 21.0), (20.0, 15.0, 0.1, 6.0), (20.0, 500.0, 0.1, 1.0), (20.0, 0.0, 60.0, 240.0)],
)
def test_when_files_still_being_written_are_looked_at(
    settled_in: float, passed: float, looked: float, seconds: float
) -> None:
    assert again_in(settled_in, passed, looked) == seconds


def test_a_copy_of_a_file_of_the_future_is_waited_for_and_not_for_ever(library: Library, tmp_path: Path) -> None:
    """Some programs set the time before the file is whole: while it grows, only its other time shows it."""
    path = library.put("inbox/a.mp4", cut_off(library.original, tmp_path / "half.mp4", keep=0.5), age=-1e6)
    assert library.scan() == {"waiting": 1}
    with path.open("ab") as file:
        file.write(library.original.read_bytes()[path.stat().st_size :])
    os.utime(path, (time.time() + 1e6,) * 2)
    assert library.scan() == {"waiting": 1}
    assert library.scan(settle_seconds=0) == {"new": 1}
    assert library.record("inbox/a.mp4").is_valid


@pytest.mark.parametrize(
    ("mtime", "ctime", "settled_in"),
    [
        (1990, 1990, 20), (1990, 1999, 20),  # the time of its last write, where that may be one
        (9000, 1990, 20), (9000, 1960, 0),
        (2001, 2001, 31), (9000, 2001, 31),  # the disk's clock ticks slowly
        (9000, 9000, 0), (9000, None, 0),  # nothing is known: better taken too soon than never
    ],
)  # fmt: skip
def test_how_long_a_file_is_waited_for(mtime: int, ctime: int | None, settled_in: float) -> None:
    file = WalkedFile("a", 10, mtime * 10**9, None if ctime is None else ctime * 10**9)
    decided = scan_plan([file], [], now=lambda: 2000.0, settle_seconds=30, skip_existing=True)
    assert (decided.waiting, decided.settled_in) == (("a",) if settled_in else (), settled_in)


@pytest.fixture(params=[".", "inbox"])
def ignoring_case(library: Library, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> None:
    """The library, or its inbox, lies on a share that finds files by their names in any case."""
    real, share = os.stat, library.root.path / str(request.param)

    def found(path: Any) -> Path:
        place = share
        for name in Path(path).relative_to(place).parts:
            place /= next((one.name for one in place.iterdir() if one.name.lower() == name.lower()), name)
        return place

    def stat(path: Any, **options: Any) -> os.stat_result:
        inside = isinstance(path, (str, Path)) and Path(path).is_relative_to(share)
        return real(found(path) if inside else path, **options)

    monkeypatch.setattr(os, "stat", stat)


@pytest.mark.parametrize(("name", "target"), [("A.mp4", "a.mp4"), ("Été/B.mp4", "été/b.mp4"), ("x/B.mp4", "X/B.mp4")])
def test_a_rename_in_case_alone_is_a_move(library: Library, ignoring_case: None, name: str, target: str) -> None:
    library.put(f"inbox/{name}")
    other = library.put("inbox/1.mp4")
    library.scan()
    video_id = library.record(f"inbox/{name}").id
    inbox = library.root.path / "inbox"
    for old, new in zip(Path(name).parts, Path(target).parts, strict=True):
        (inbox / old).rename(inbox / new)
        inbox /= new
    assert library.scan() == {"moved": 1, "unchanged": 1}
    assert library.record(f"inbox/{target}").id == video_id
    # And one that holds something else under such a name is no move, and hides nobody's loss.
    other.unlink()
    inbox.write_bytes(library.original.read_bytes()[:-1])
    another = inbox.rename(inbox.with_name(inbox.name.swapcase()))
    assert library.scan(settle_seconds=0)["missing"] == 2
    assert library.paths() == {"inbox/1.mp4", f"inbox/{target}", library.root.relative(another)}


def test_of_two_scans_at_once_neither_reports_missing_what_the_other_moved(library: Library) -> None:
    """The other one runs, from beginning to end, between what the first found and what it makes of that."""

    class ScansMeanwhile(Notes):
        def line(self, text: str) -> None:
            if text.endswith("to open"):
                results.append(scan(library.root, "inbox", directory_types=("inbox",), report=Notes()))
            super().line(text)

    results: list[ScanResult] = []
    path = library.put("inbox/a.mp4")
    library.put("inbox/gone.mp4")
    library.scan()
    video_id = library.record("inbox/a.mp4").id
    path.rename(path.with_name("b.mp4"))
    (library.root.path / "inbox/gone.mp4").unlink()
    results.append(scan(library.root, "inbox", directory_types=("inbox",), report=ScansMeanwhile()))
    assert [(found.moved, found.missing) for found in results] == [(1, 1), (0, 1)]
    missing = [change.path for found in results for change in found.files if change.kind == "missing"]
    assert missing == ["inbox/gone.mp4"]
    video = library.record("inbox/b.mp4")
    assert (video.id, video.missing_since) == (video_id, None)
    assert library.scan() == {"unchanged": 1}


def test_a_file_copied_with_its_old_time_while_it_grows_is_read_again_later(library: Library, tmp_path: Path) -> None:
    """rsync and cp -p set the time at the end; a size that grew is a change."""
    half = cut_off(library.original, tmp_path / "half.mp4", keep=0.5)
    library.put("inbox/a.mp4", half)
    assert library.scan() == {"new": 1, "invalid": 1}
    library.put("inbox/a.mp4")
    assert library.scan() == {"changed": 1}
    assert library.record("inbox/a.mp4").is_valid


@pytest.mark.parametrize(
    "name",
    ["two\nlines.mp4", "🎬 動画.mp4", "-rf.mp4", 'it\'s "q".mp4', "a:b%20.mp4", "e\u0301te.mp4", "x" * 251 + ".mp4"],
    ids=range(7),
)
def test_odd_names(library: Library, name: str) -> None:
    library.put(f"inbox/{name}")
    assert library.scan() == {"new": 1}
    video = library.record(f"inbox/{name}")
    assert (video.is_valid, video.filename) == (True, name)
    assert library.scan() == {"unchanged": 1}


def test_a_name_that_is_not_utf8_is_refused_and_the_rest_scanned(library: Library) -> None:
    library.put("inbox/good.mp4")
    library.put("inbox/" + os.fsdecode(b"caf\xe9.mp4"))
    library.put("inbox/" + os.fsdecode(b"f\xffolder") + "/inside.mp4")
    assert library.scan() == {"new": 1, "refused": 2}
    assert library.paths() == {"inbox/good.mp4"}
    for line in library.notes.lines:
        line.encode()  # what is said of it can be written to a log


def test_links(library: Library, tmp_path: Path) -> None:
    outside = tmp_path / "outside.mp4"
    shutil.copy(library.original, outside)
    library.put("public/real.mp4")
    inbox = library.root.path / "inbox"
    (inbox / "out.mp4").symlink_to(outside)
    (inbox / "in.mp4").symlink_to(library.root.path / "public/real.mp4")
    (inbox / "nowhere.mp4").symlink_to(inbox / "gone.mp4")
    (inbox / "circle.mp4").symlink_to("circle.mp4")
    (inbox / "folder.mp4").symlink_to(tmp_path)
    assert library.scan() == {"new": 1, "refused": 4}
    assert library.paths() == {"inbox/in.mp4"}
    assert library.record("inbox/in.mp4").width == 64
    assert library.scan() == {"unchanged": 1, "refused": 4}


def test_a_linked_folder_cannot_send_the_walk_in_circles(library: Library) -> None:
    library.put("inbox/a.mp4")
    (library.root.path / "inbox/loop").symlink_to(library.root.path / "inbox")
    assert library.scan() == {"new": 1}


def test_a_folder_with_a_videos_name_is_refused_and_walked(library: Library) -> None:
    library.put("inbox/folder.mp4/inside.mp4")
    assert library.scan() == {"new": 1, "refused": 1}
    assert library.paths() == {"inbox/folder.mp4/inside.mp4"}
    assert library.notes.said("folder.mp4")


def test_a_pipe_does_not_stop_the_scan(library: Library) -> None:
    os.mkfifo(library.root.path / "inbox/pipe.mp4")
    os.utime(library.root.path / "inbox/pipe.mp4", (_LONG_AGO, _LONG_AGO))
    library.put("inbox/a.mp4")
    library.scan()
    assert library.record("inbox/a.mp4").is_valid


def test_only_wanted_endings_and_nothing_hidden(library: Library) -> None:
    for name in ("a.MP4", "b.mkv", "c.txt", "d", ".hidden.mp4", ".folder/e.mp4", "f.mp4.part", "mp4"):
        library.put(f"inbox/{name}")
    assert library.scan() == {"new": 2}
    assert library.paths() == {"inbox/a.MP4", "inbox/b.mkv"}
    assert library.scan(extensions=["TXT", ".part"]) == {"new": 2, "missing": 2}


_BIN = ("@eaDir", "#recycle", "$RECYCLE.BIN", "$Recycle.Bin", "lost+found", "System Volume Information", "@Recycle")


def test_folders_of_the_system_are_left_out_at_any_depth(library: Library) -> None:
    library.put("inbox/recycle/kept.mp4")
    for name in _BIN:
        library.put(f"inbox/{name}/a.mp4")
        library.put(f"inbox/trip/{name}/deep/b.mp4")
    assert library.scan() == {"new": 1}
    assert library.paths() == {"inbox/recycle/kept.mp4"}
    assert clean(check_library(library.root))
    assert library.scan(system_folders=["rec*"]) == {"new": 2 * len(_BIN)}


def test_what_was_catalogued_in_a_system_folder_is_withdrawn_and_not_reported_as_lost(
    library: Library,
) -> None:
    library.put("inbox/a.mp4")
    old = library.put("inbox/#recycle/b.mp4")
    assert library.scan(system_folders=[]) == {"new": 2}
    told: list[FileChange] = []
    assert library.scan(listener=lambda changes, _: told.extend(changes)) == {"unchanged": 1}
    assert told == []
    assert library.record("inbox/#recycle/b.mp4").missing_since is not None
    assert library.scan() == {"unchanged": 1}
    assert clean(check_library(library.root))
    assert library.scan(system_folders=[]) == {"unchanged": 2}  # it is back
    withdrawn = library.record("inbox/#recycle/b.mp4")
    assert withdrawn.missing_since is None
    old.rename(library.root.path / "inbox/b.mp4")
    assert library.scan() == {"moved": 1, "unchanged": 1}
    assert library.record("inbox/b.mp4").id == withdrawn.id


def test_a_type_the_site_does_not_have(library: Library) -> None:
    with refused(WrongParameter, parameter="directory_type", value="films"):
        library.scan("films", directory_types=("public", "inbox"))


def test_a_file_that_is_back_once_its_turn_comes_is_not_missing(library: Library, tmp_path: Path) -> None:
    """Opening what is new may take hours; a list that old marked it as missing."""
    path = library.put("inbox/a.mp4")
    library.put("inbox/gone.mp4")
    library.scan()
    for name in ("a.mp4", "gone.mp4"):
        (library.root.path / "inbox" / name).rename(library.root.path / f"away-{name}")
    library.put("inbox/new.mp4", clip(tmp_path / "other.mp4", seconds=0.2, size="96x64"))

    def put_back(_changes: Sequence[FileChange], _expected: int) -> None:
        away = library.root.path / "away-a.mp4"
        if away.exists():
            away.rename(path)

    assert library.scan(listener=put_back) == {"new": 1, "missing": 1}
    assert library.record("inbox/a.mp4").missing_since is None
    assert library.record("inbox/gone.mp4").missing_since is not None


def test_a_library_that_goes_away_meanwhile_is_not_missing(library: Library, tmp_path: Path) -> None:
    library.put("inbox/a.mp4")
    library.put("inbox/gone.mp4")
    library.scan()
    (library.root.path / "inbox/gone.mp4").unlink()
    library.put("inbox/new.mp4", clip(tmp_path / "other.mp4", seconds=0.2, size="96x64"))

    def unmount(_changes: Sequence[FileChange], _expected: int) -> None:
        for folder in list(library.root.path.iterdir()):
            folder.rename(library.root.path.parent / f"was-{folder.name}")

    with refused(NotMounted):
        library.scan(listener=unmount)
    assert library.record("inbox/gone.mp4").missing_since is None


class _Unmounting(tuple[str, ...]):
    """Patterns of names that are looked through at each folder; a disk is unmounted as that happens first."""

    place: Path | None = None

    def __iter__(self) -> Iterator[str]:
        if self.place is not None:
            subprocess.run(["umount", str(self.place)], check=True)
            self.place = None
        return super().__iter__()


@pytest.mark.parametrize(("where", "linked"), [("inbox", False), ("inbox/my disk", False), ("inbox/my disk", True)])
def test_a_disk_that_is_unmounted_while_its_folder_is_walked_lost_nothing(
    library: Library, tmp_path: Path, where: str, linked: bool
) -> None:
    """Its folder is there, empty, and the rest of the library with it."""
    place, disk = library.root.path / where, tmp_path / "disk"
    if linked:
        (library.root.path / "inbox").rename(tmp_path / "elsewhere")
        (library.root.path / "inbox").symlink_to(tmp_path / "elsewhere")
    (disk / "a folder").mkdir(parents=True)
    place.mkdir(exist_ok=True)
    mount = ["mount", "--bind", str(disk), str(place)]
    if (tried := subprocess.run(mount, capture_output=True, text=True, check=False)).returncode != 0:
        pytest.skip(f"nothing can be mounted here: {tried.stderr.strip()}")
    patterns = _Unmounting()
    patterns.place = place
    try:
        library.put(f"{where}/a folder/a.mp4")
        library.put(f"{where}/b.mp4")
        (library.root.path / "inbox/a").mkdir()
        assert library.scan() == {"new": 2}
        assert library.scan(system_folders=patterns).get("missing", 0) == 0
    finally:
        if patterns.place is not None:
            subprocess.run(["umount", str(place)], check=True)
    assert [library.record(path).missing_since for path in sorted(library.paths())] == [None, None]
    assert library.scan() == {"refused": 1}  # nor where it was not there to begin with
    assert [library.record(path).missing_since for path in sorted(library.paths())] == [None, None]
    subprocess.run(mount, check=True)
    try:
        assert library.scan() == {"unchanged": 2}
    finally:
        subprocess.run(["umount", str(place)], check=True)


def test_a_folder_that_is_not_there_marks_nothing_missing(library: Library) -> None:
    """An unmounted disk must not empty the catalogue."""
    library.put("library/films/a.mp4")
    library.scan("films")
    shutil.rmtree(library.root.path / "library/films")
    with refused(FileMissing, path=str(library.root.path / "library/films"), flaw=Flaw.ABSENT):
        library.scan("films")
    assert library.record("library/films/a.mp4").missing_since is None


def test_a_folder_that_cannot_be_read_marks_nothing_missing(catalogue: str, open_folder: Path, original: Path) -> None:
    root = MediaRoot(open_folder / "closed-media")
    root.create()
    library = Library(root, original)
    for name in ("closed/a.mp4", "closed-not/b.mp4", "c.mp4"):
        library.put(f"inbox/{name}")
    assert library.scan() == {"new": 3}
    (root.path / "inbox/closed-not/b.mp4").unlink()
    (root.path / "inbox/closed").chmod(0)
    with as_nobody():
        assert library.scan() == {"unchanged": 1, "refused": 1, "missing": 1}
    assert library.notes.said("inbox/closed cannot be read")
    (root.path / "inbox/closed").chmod(0o755)
    assert library.scan() == {"unchanged": 2}


def test_nothing_on_disk_is_changed(library: Library) -> None:
    for name in ("a.mp4", "b/c.mp4"):
        library.put(f"inbox/{name}")

    def state() -> list[tuple[str, int, int]]:
        files = sorted(path for path in library.root.path.rglob("*") if path.is_file())
        return [(str(path), path.stat().st_size, path.stat().st_mtime_ns) for path in files]

    before = state()
    library.scan()
    library.scan(skip_existing=False)
    assert state() == before


def test_progress_never_goes_back(library: Library) -> None:
    for index in range(10):
        library.put(f"inbox/{index}.mp4")
    library.scan()
    assert library.notes.fractions == sorted(library.notes.fractions)
    assert library.notes.fractions[-1] == 1.0


# What the catalogue cannot hold, or nobody foresaw: named, and the rest goes on.


def _dated(path: Path, year: int) -> None:
    seconds = round((year - 1970) * 31_556_952)
    os.utime(path, (seconds, seconds))
    if abs(path.stat().st_mtime - seconds) > 1:
        pytest.skip("this file system does not keep such a time")


@pytest.mark.parametrize("year", [2300, 1600])
def test_a_time_the_catalogue_cannot_hold(catalogue: str, open_folder: Path, original: Path, year: int) -> None:
    with tiny_disk(open_folder / f"dated-{year}") as folder:  # not every file system goes so far
        root = MediaRoot(folder)
        root.create()
        library = Library(root, original)
        for name in ("a", "b", "c"):
            library.put(f"inbox/{name}.mp4")
        assert library.scan() == {"new": 3}
        known = library.record("inbox/b.mp4")
        library.put("inbox/d.mp4")
        for name in ("b", "new"):
            _dated(library.put(f"inbox/{name}.mp4"), year)
        assert library.scan() == {"new": 1, "unchanged": 2, "refused": 2}
        for name in ("b", "new"):
            words = f"inbox/{name}.mp4 is dated about the year {year}"
            assert library.notes.said(words)
            assert any(words in reason for reason in library.reasons)
        assert library.record("inbox/b.mp4") == known  # not missing, and as it was
        assert library.paths() == {f"inbox/{name}.mp4" for name in "abcd"}
        (told,) = [found for found in check_library(root) if found.check == "unrecordable"]
        assert told.names == ("inbox/b.mp4", "inbox/new.mp4")
        assert f"about the year {year}" in told.sentence
        with refused(Unstorable, path="inbox/b.mp4"):
            Workbench(root=root).source(known)
        library.put("inbox/b.mp4")
        library.put("inbox/new.mp4")
        assert library.scan() == {"new": 1, "unchanged": 4}
        assert "unrecordable" not in {found.check for found in check_library(root)}


def test_times_before_1970_are_kept(library: Library) -> None:
    path = library.put("inbox/a.mp4")
    os.utime(path, (-1e9, -1e9))
    assert library.scan() == {"new": 1}
    assert library.record("inbox/a.mp4").mtime_ns == -(10**18)
    assert library.scan() == {"unchanged": 1}


def test_a_path_longer_than_an_index_takes(library: Library) -> None:
    deep = "inbox/" + "/".join(("0123456789" * 25)[level : level + 240] for level in range(11)) + "/"
    for name in ("a" * 80, "b" * 40):
        library.put(f"{deep}{name}.mp4")
    fits = f"{deep}{'c' * 20}.mp4"
    library.put(fits)
    library.put("inbox/good.mp4")
    assert library.scan() == {"new": 2, "refused": 2}
    assert library.paths() == {"inbox/good.mp4", fits}
    assert [reason.partition("… has a path of ")[2] for reason in sorted(library.reasons)] == [
        "2701 bytes, and 2692 are the limit; rename folders above it.",
        "2741 bytes, and 2692 are the limit; rename folders above it.",
    ]
    (told,) = [found for found in check_library(library.root) if found.check == "unrecordable"]
    assert len(told.names) == 2
    assert library.scan() == {"unchanged": 2, "refused": 2}


def test_a_row_the_database_refuses_for_another_reason(library: Library) -> None:
    with get_engine().begin() as connection:
        connection.execute(text("ALTER TABLE catalogue.video ADD CONSTRAINT odd CHECK (filename <> 'odd.mp4')"))
    try:
        for name in ("a", "b", "odd", "z"):
            library.put(f"inbox/{name}.mp4")
        assert library.scan() == {"new": 4, "refused": 1}
    finally:
        with get_engine().begin() as connection:
            connection.execute(text("ALTER TABLE catalogue.video DROP CONSTRAINT odd"))
    assert library.paths() == {"inbox/a.mp4", "inbox/b.mp4", "inbox/z.mp4"}
    assert library.notes.said("inbox/odd.mp4 cannot be put into the catalogue (")
    assert library.scan() == {"new": 1, "unchanged": 3}


@pytest.mark.parametrize("error", [ZeroDivisionError, UnicodeError, IndexError, OverflowError, InvalidDataError])
def test_a_file_that_trips_its_reader(
    library: Library, monkeypatch: pytest.MonkeyPatch, error: type[Exception]
) -> None:
    def read(root: MediaRoot, path: str, kind: str) -> Video:
        if "odd" in path:
            raise error(1, "odd")
        return read_record(root, path, kind)

    monkeypatch.setattr(scan_module, "read_record", read)
    for name in ("a", "odd", "z"):
        library.put(f"inbox/{name}.mp4")
    assert library.scan() == {"new": 3, "refused": 1}
    assert library.paths() == {"inbox/a.mp4", "inbox/z.mp4"}
    assert library.notes.said("inbox/odd.mp4")


class _Remover(Notes):
    """Removes things once the walk is over, before anything is opened."""

    def __init__(self, *paths: Path):
        super().__init__()
        self.paths = paths

    def line(self, text: str) -> None:
        super().line(text)
        if text.endswith("to open"):
            for path in self.paths:
                shutil.rmtree(path) if path.is_dir() else path.unlink()


def test_files_that_vanish_during_the_scan(library: Library) -> None:
    library.put("inbox/good.mp4")
    gone, folder = library.put("inbox/gone.mp4"), library.put("inbox/folder/inside.mp4").parent
    notes = _Remover(gone, folder)
    scan(library.root, "inbox", directory_types=("inbox",), report=notes)
    assert library.paths() == {"inbox/good.mp4"}
    folder.write_bytes(b"a file in its place")
    assert library.scan() == {"unchanged": 1}


def test_files_one_may_see_and_not_look_at(catalogue: str, open_folder: Path, original: Path) -> None:
    root = MediaRoot(open_folder / f"dim-{uuid.uuid4().hex[:8]}")
    root.create()
    library = Library(root, original)
    for name in ("dim/a.mp4", "b.mp4"):
        library.put(f"inbox/{name}")
    (root.path / "inbox/link.mp4").symlink_to(root.path / "inbox/dim/a.mp4")
    assert library.scan() == {"new": 3}
    (root.path / "inbox/dim").chmod(0o744)
    with as_nobody():
        assert library.scan() == {"unchanged": 1, "refused": 2}
    assert library.notes.said("inbox/dim/a.mp4 cannot be read (Permission denied); what is known of it stays.")
    (root.path / "inbox/dim").chmod(0o755)
    assert library.scan() == {"unchanged": 3}


def test_titles_of_any_kind(library: Library, tmp_path: Path) -> None:
    for name, title in {"long": "x" * 5000, "odd": "a\u2028b \U0001f3ac\x01\x7f"}.items():
        tagged = tmp_path / f"{name}.mp4"
        ffmpeg("-i", library.original, "-c", "copy", "-metadata", f"title={title}", tagged)
        library.put(f"inbox/{name}.mp4", tagged)
    assert library.scan() == {"new": 2}
    assert library.record("inbox/long.mp4").title == "x" * 500
    assert library.record("inbox/odd.mp4").title.startswith("a\u2028b \U0001f3ac")


_COUNT_OPENS = """
import sys
from pathlib import Path
opened = set()
def hook(event, arguments):
    if event == "open" and isinstance(arguments[0], (str, bytes, Path)) and "inbox" in str(arguments[0]):
        opened.add(str(arguments[0]))
sys.addaudithook(hook)
from reelmill.storage.media_root import MediaRoot
from reelmill.operations.jobs import scan as module
import reelmill.ffmpeg.reading.probe as probe
from av.container import core
result = module.scan(MediaRoot(Path(sys.argv[1])), "inbox", directory_types=("inbox",))
print(result.unchanged, result.new, len(opened))
"""


def test_a_second_scan_opens_no_file(library: Library, monkeypatch: pytest.MonkeyPatch) -> None:
    """Access times would tell of an opening by native code too: they stay as they were."""
    paths = [library.put(f"inbox/{index}.mp4") for index in range(5)]
    library.scan()
    for path in paths:
        os.utime(path, (1, _LONG_AGO))  # an access time older than the modification: any read moves it
    with session() as opened:  # that changed their ctime; a record of before it was kept has none
        opened.connection().execute(text("UPDATE catalogue.video SET ctime_ns = NULL"))
    answer = subprocess.run(
        [sys.executable, "-c", _COUNT_OPENS, str(library.root.path)], capture_output=True, text=True, check=False
    )
    assert answer.stdout.split() == ["5", "0", "0"], answer.stderr
    assert [path.stat().st_atime for path in paths] == [1.0] * 5
    library.scan(skip_existing=False)
    assert [path.stat().st_atime for path in paths] != [1.0] * 5  # the trick does show a read


def test_after_an_upgrade_times_of_the_last_change_are_recorded_scan_by_scan(library: Library) -> None:
    for index in range(5):
        library.put(f"inbox/{index}.mp4")
    library.scan()
    with session() as opened:
        opened.connection().execute(text("UPDATE catalogue.video SET ctime_ns = NULL"))
    walked = list(Walk(library.root, frozenset({"mp4"})).files(library.root.folder("inbox")))
    for known in (2, 4, 5, 5):
        with session() as opened:
            records = scanning.known_files(opened, "inbox")
        with UndatedFiles(most=2) as undated:
            decided = scan_plan(
                walked, records, now=time.time, settle_seconds=30, skip_existing=True, on_undated=undated.add
            )
        assert decided.unchanged == 5
        recorded = [library.record(file.path).ctime_ns for file in walked]
        assert recorded == [file.ctime_ns for file in walked[:known]] + [None] * (5 - known)


def _edit(path: Path) -> None:
    """Change what a video holds, by an empty box at its end, and nothing of what it shows."""
    before = path.stat()
    with path.open("ab") as file:
        file.write(b"\0\0\0\x08free")
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


def _found(path: str, size: int = 10, mtime: int = 1000) -> WalkedFile:
    """A file without a disk."""
    return WalkedFile(path, size, mtime * 10**9)


def test_the_plan_is_made_of_names_sizes_and_times() -> None:
    def known(size: int = 10, mtime: int = 1000, *, missing: bool = False) -> KnownFile:
        return KnownFile("", size, mtime * 10**9, missing=missing)

    held = {
        "same": known(),
        "grown": known(size=9),
        "touched": known(mtime=999),
        "back": known(missing=True),
        "gone": known(),
        "long gone": known(missing=True),
    }
    catalogue = sorted(file._replace(path=path) for path, file in held.items())
    files = sorted([_found(name) for name in ("same", "grown", "touched", "back", "new")] + [_found("hot", mtime=1995)])
    decided = scan_plan(files, catalogue, now=lambda: 2000.0, settle_seconds=30, skip_existing=True)
    assert [file.path for file in decided.probe] == ["grown", "new", "touched"]
    assert (decided.new, decided.changed, decided.unchanged) == (1, 2, 2)
    assert decided.waiting == ("hot",)
    assert decided.returned == ("back",)
    assert decided.missing == ("gone",)
    again = scan_plan(files, catalogue, now=lambda: 2000.0, settle_seconds=30, skip_existing=False)
    assert len(again.probe) == 5
    assert (again.new, again.changed, again.unchanged) == (1, 2, 2)


def test_a_library_that_is_not_mounted_is_told_from_an_empty_one(bench: Workbench, tmp_path: Path) -> None:
    unmounted = MediaRoot(tmp_path / "mount point")
    unmounted.path.mkdir()
    with refused(NotMounted, path=str(unmounted.path)):
        scan(unmounted, "videos", directory_types=["videos"])
    with refused(FileMissing, flaw=Flaw.ABSENT):
        scan(bench.root, "videos", directory_types=["videos"])


def test_a_video_of_an_unmounted_library_is_waited_for_rather_than_given_up(tmp_path: Path, bench: Workbench) -> None:
    path = "library/videos/a.mp4"
    video = Video(path=path, filename="a.mp4", directory_type="videos", title="a", size=1, mtime_ns=1)
    with pytest.raises(FileMissing):
        bench.source(video)
    with pytest.raises(NotMounted):
        Workbench(root=MediaRoot(tmp_path / "nothing")).source(video)
