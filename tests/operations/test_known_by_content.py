"""A video is known by what it holds: renames, copies, touched files and restored backups are nothing new."""

from __future__ import annotations

import os
import shutil
import uuid
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any, Final

import pytest
from sqlalchemy import text
from sqlmodel import select

from reelmill.catalogue.engine import session
from reelmill.catalogue.models import Video, VideoTag
from reelmill.catalogue.videos import searching
from reelmill.catalogue.videos.scanning import RecordedFile, SeenFile
from reelmill.catalogue.videos.video_details import read_details
from reelmill.errors import NotMounted
from reelmill.ffmpeg.codecs import WEB
from reelmill.ffmpeg.encoding import Encoding
from reelmill.ffmpeg.transcoder import Transcoder
from reelmill.operations.chunk_store.film_chunks import FrameSequence
from reelmill.operations.context import Workbench
from reelmill.operations.derived import analysis_cache
from reelmill.operations.jobs.reencode import reencode, web_encoding
from reelmill.operations.jobs.scan import ScanResult, scan
from reelmill.operations.jobs.thumbnail_generate import thumbnail
from reelmill.operations.jobs.validate import validate
from reelmill.operations.moved_files import moves
from reelmill.operations.publishing.records import find_by_recipe
from reelmill.operations.scan_changes import is_unchanged
from reelmill.operations.web_copies.plan import PlanOptions, plan_library
from reelmill.operations.web_copies.result import ReencodeResult, copy_recipe
from reelmill.storage.file_hash import blake2
from tests.clips import clip
from tests.refusals import refused

_LONG_AGO: Final = 1_600_000_000
_TYPES: Final = ("inbox", "public", "films", "playback")


@pytest.fixture(scope="session")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return clip(tmp_path_factory.mktemp("original") / "original.mp4", seconds=0.4, size="64x48")


def _put(bench: Workbench, path: str, source: Path, when: float = _LONG_AGO) -> Path:
    target = bench.root.path / path
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(source, target)
    os.utime(target, (when, when))
    return target


def _scan(bench: Workbench, kind: str = "inbox") -> ScanResult:
    return scan(bench.root, kind, directory_types=_TYPES, report=bench.report)


def _record(path: str) -> Video:
    with session() as opened:
        found = searching.by_path(opened, path)
    assert found is not None, path
    return found


def _paths() -> set[str]:
    with session() as opened:
        return set(opened.exec(select(Video.path)))


def _tag(video: Video) -> None:
    with session() as opened:
        opened.add(VideoTag(video_id=video.id, name="cats", by_person=True, confidence=1))


def _tags(video: Video) -> list[str]:
    with session() as opened:
        return [tag.name for tag in read_details(opened, video).tags]


def _copy(bench: Workbench, video: Video, **how: Any) -> ReencodeResult:
    return reencode(bench, str(video.id), preset="ultrafast", **how)


def _forget_contents() -> None:
    """The catalogue as it was before there were content ids."""
    with session() as opened:
        opened.connection().execute(text("UPDATE catalogue.video SET content_id = NULL, ctime_ns = NULL"))


@pytest.mark.parametrize("target", ["inbox/b.mp4", "inbox/folder/a.mp4", "library/films/c.mp4"])
def test_a_renamed_video_is_the_same_video(bench: Workbench, original: Path, target: str) -> None:
    path = _put(bench, "inbox/a.mp4", original)
    _scan(bench)
    video = _record("inbox/a.mp4")
    _tag(video)
    (bench.root.path / target).parent.mkdir(parents=True, exist_ok=True)
    path.rename(bench.root.path / target)
    found = _scan(bench, bench.root.directory_type(target))
    assert (found.new, found.moved, found.missing) == (0, 1, 0)
    (change,) = found.files
    assert (change.kind, change.previous, change.path, change.video_id) == ("moved", "inbox/a.mp4", target, video.id)
    moved = _record(target)
    assert (moved.id, _tags(moved), _paths()) == (video.id, ["cats"], {target})
    assert (moved.filename, moved.directory_type) == (Path(target).name, bench.root.directory_type(target))
    assert moved.title == Path(target).stem
    assert _scan(bench).missing == 0


#: When what they hold was written, which a rename keeps.
_WRITTEN: Final = {
    "a": _LONG_AGO,
    "b": _LONG_AGO + 1,
    "c": _LONG_AGO + 2,
    "new": _LONG_AGO + 3,
    "copy of a": _LONG_AGO + 4,
}
_NAMES: Final = {"a": "inbox/a.mp4", "b": "inbox/b.mp4", "c": "library/films/c.mp4", "new": "inbox/new.mp4"}
_FOUND: Final = ("new", "changed", "moved", "unchanged", "missing")


@pytest.mark.parametrize(
    ("now", "records", "found"),
    [
        # What is where, of the videos a, b and c and of a new one; whose records are where; what a scan of inbox finds.
        ({"a": "b", "b": "a"}, {"a": "b", "b": "a"}, (0, 0, 2, 0, 0)),
        ({"a": "c", "b": "a", "c": "b"}, {"a": "c", "b": "a", "c": "b"}, (0, 0, 3, 0, 0)),
        ({"a": "c", "c": "a"}, {"a": "c", "c": "a"}, (0, 0, 2, 1, 0)),
        ({"a": "new", "new": "a"}, {"a": "new", "new": "a"}, (1, 0, 1, 1, 0)),
        ({"a": "b", "b": None, "new": "a"}, {"a": "b", "new": "a"}, (0, 0, 2, 0, 0)),
        # A file that was put over another, or edited: its name stays with its record.
        ({"a": "b", "b": None}, {"a": "a", "b": "b"}, (0, 1, 0, 0, 1)),
        ({"a": "b", "b": "new"}, {"a": "a", "b": "b"}, (0, 2, 0, 0, 0)),
        ({"a": "b"}, {"a": "a", "b": "b"}, (0, 1, 0, 1, 0)),
        ({"a": "new"}, {"a": "a", "b": "b"}, (0, 1, 0, 1, 0)),
        ({"a": "new", "new": "copy of a"}, {"a": "a", "b": "b"}, (1, 1, 0, 1, 0)),
    ],
    ids=["two swapped", "three", "two folders", "renamed, a new one by its name", "one after another", "put over",
         "put over, replaced", "copied over", "edited", "edited, its backup beside it"],
)  # fmt: skip
def test_records_follow_what_files_hold_and_not_their_names(
    bench: Workbench, tmp_path: Path, now: dict[str, str | None], records: dict[str, str], found: tuple[int, ...]
) -> None:
    contents = {
        name: clip(tmp_path / name / "a.mp4", seconds=0.2 + 0.04 * number, size="64x48", sound=0)
        for number, name in enumerate(_NAMES)
    }
    for name in ("a", "b", "c"):
        _put(bench, _NAMES[name], contents[name], _WRITTEN[name])
    _scan(bench), _scan(bench, "films")
    videos = {name: _record(_NAMES[name]) for name in ("a", "b", "c")}
    for video in videos.values():
        with session() as opened:
            opened.add(VideoTag(video_id=video.id, name=video.path, by_person=True, confidence=1))
    for name, content in now.items():
        if content is None:
            (bench.root.path / _NAMES[name]).unlink()
        else:
            _put(bench, _NAMES[name], contents[content.removeprefix("copy of ")], _WRITTEN[content])
    result = _scan(bench)
    assert tuple(getattr(result, kind) for kind in _FOUND) == found
    for name, owner in records.items():
        if owner in videos:
            record = _record(_NAMES[name])
            assert (record.id, _tags(record)) == (videos[owner].id, [videos[owner].path]), name
        else:
            assert _record(_NAMES[name]).id not in {video.id for video in videos.values()}
    assert _paths() <= set(_NAMES.values())
    again = _scan(bench)
    assert (again.new, again.changed, again.moved) == (0, 0, 0)


def test_products_go_with_their_videos_when_two_are_swapped(bench: Workbench, original: Path, tmp_path: Path) -> None:
    a = _put(bench, "inbox/a.mp4", clip(tmp_path / "other.mp4", seconds=0.6, size="64x48", options=["-crf", "0"]))
    b = _put(bench, "inbox/b.mp4", original)
    _scan(bench)
    first, second = _record("inbox/a.mp4"), _record("inbox/b.mp4")
    image = thumbnail(bench, str(first.id)).path
    a.rename(tmp_path / "aside")
    b.rename(a)
    (tmp_path / "aside").rename(b)
    assert _scan(bench).moved == 2
    assert (_record("inbox/b.mp4").id, _record("inbox/b.mp4").thumbnail_path) == (first.id, image)
    assert (_record("inbox/a.mp4").id, _record("inbox/a.mp4").thumbnail_path) == (second.id, None)
    assert thumbnail(bench, str(first.id)).path == image


def test_what_was_missing_for_long_and_comes_back_elsewhere_is_the_same_video(bench: Workbench, original: Path) -> None:
    path = _put(bench, "inbox/a.mp4", original)
    _scan(bench)
    video = _record("inbox/a.mp4")
    path.unlink()
    assert _scan(bench).missing == 1
    _put(bench, "inbox/b.mp4", original, when=_LONG_AGO + 7)
    assert _scan(bench).moved == 1
    back = _record("inbox/b.mp4")
    assert (back.id, back.missing_since) == (video.id, None)


def test_while_the_old_place_is_taken_it_is_a_copy(bench: Workbench, original: Path) -> None:
    path = _put(bench, "inbox/a.mp4", original)
    _scan(bench)
    video = _record("inbox/a.mp4")
    _put(bench, "inbox/copy.mp4", original)
    os.link(path, bench.root.path / "inbox/linked.mp4")
    found = _scan(bench)
    assert (found.new, found.moved) == (2, 0)
    assert _record("inbox/a.mp4").id == video.id
    with session() as opened:
        same = read_details(opened, video).same
    assert [other.path for other in same] == ["inbox/copy.mp4", "inbox/linked.mp4"]


def test_of_a_rename_and_a_copy_at_once_the_rename_keeps_the_record(bench: Workbench, original: Path) -> None:
    path = _put(bench, "inbox/m.mp4", original)
    _scan(bench)
    video = _record("inbox/m.mp4")
    _put(bench, "inbox/a copy.mp4", original, when=_LONG_AGO + 50)
    path.rename(path.with_name("renamed.mp4"))
    found = _scan(bench)
    assert (found.new, found.moved, found.missing) == (1, 1, 0)
    assert _record("inbox/renamed.mp4").id == video.id
    assert _record("inbox/a copy.mp4").id != video.id


def test_what_is_made_is_made_once_for_a_name_a_date_and_a_copy(bench: Workbench, original: Path) -> None:
    path = _put(bench, "inbox/a.mp4", original)
    _scan(bench)
    video = _record("inbox/a.mp4")
    first, shown = _copy(bench, video), thumbnail(bench, str(video.id)).path
    analysis_cache.store(video, bench.content(video, path, track=0), "cats", "1", b"two")
    os.utime(path)  # touched, as by a restored backup
    os.utime(bench.root.path / first.path)
    assert _copy(bench, video).reused
    os.utime(path, (_LONG_AGO, _LONG_AGO))
    path.rename(path.with_name("b.mp4"))
    _put(bench, "inbox/copy.mp4", original, when=_LONG_AGO + 50)
    os.link(path.with_name("b.mp4"), path.with_name("linked.mp4"))
    assert _scan(bench).moved == 1
    for name in ("b", "copy", "linked"):
        other = _record(f"inbox/{name}.mp4")
        made = _copy(bench, other)
        assert (made.reused, made.path) == (True, first.path)
        assert thumbnail(bench, str(other.id)).path == shown == _record(other.path).thumbnail_path
        assert analysis_cache.stored(bench, other, bench.source(other), "cats", "1") == b"two"
        with session() as opened:
            assert [product.path for product in read_details(opened, other).products] == [first.path]
    assert len(list((bench.root.path / "thumbnails").rglob("*.jpg"))) == 1


def test_an_edit_that_keeps_size_and_time_is_an_edit(bench: Workbench, original: Path) -> None:
    path = _put(bench, "inbox/a.mp4", original)
    _scan(bench)
    video = _record("inbox/a.mp4")
    first = _copy(bench, video)
    data = path.read_bytes()
    assert data.count(b"Lavf") >= 1
    path.write_bytes(data.replace(b"Lavf", b"Xavf"))
    os.utime(path, (_LONG_AGO, _LONG_AGO))
    found = _scan(bench)
    assert (found.changed, found.unchanged, [change.kind for change in found.files]) == (1, 0, ["changed"])
    assert _record("inbox/a.mp4").content_id != video.content_id
    again = _copy(bench, video)
    assert (again.reused, again.path == first.path) == (False, False)
    assert _scan(bench).unchanged == 1


def test_a_product_that_somebody_edited_is_not_what_its_recipe_makes(bench: Workbench, original: Path) -> None:
    _put(bench, "inbox/a.mp4", original)
    _scan(bench)
    video = _record("inbox/a.mp4")
    made = bench.root.path / _copy(bench, video).path
    _scan(bench, "playback")
    stat, data = made.stat(), made.read_bytes()
    made.write_bytes(data.replace(b"Lavf", b"Xavf"))
    os.utime(made, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    assert not _copy(bench, video).reused
    assert made.read_bytes() != data  # it stays as it was edited


def test_a_catalogue_of_before_follows_renames_and_makes_nothing_again(bench: Workbench, original: Path) -> None:
    """By the old names of recipes, sizes and modification times; what is read on the way gets its content id."""
    path = _put(bench, "inbox/a.mp4", original, when=_LONG_AGO + 0.25)
    _scan(bench)
    video = _record("inbox/a.mp4")
    first = _copy(bench, video)
    asked = web_encoding(bench.transcoder, target_bitrate=2000, preset="ultrafast")
    recipe = copy_recipe(bench.content(video), asked)
    with session() as opened:
        searching.get_video(opened, first.video_id).recipe = next(iter(recipe.former))
    _forget_contents()
    path.rename(path.with_name("b.mp4"))
    assert _scan(bench).moved == 1
    video = _record("inbox/b.mp4")
    assert video.content_id is not None
    _forget_contents()
    assert _scan(bench).unchanged == 1
    assert (_record("inbox/b.mp4").content_id, _record("inbox/b.mp4").ctime_ns is None) == (None, False)
    assert _copy(bench, _record("inbox/b.mp4")).reused
    assert _record("inbox/b.mp4").content_id is not None
    adopted = _record(first.path)
    assert (adopted.recipe in recipe.names, adopted.content_id is None) == (True, False)


def test_a_copy_by_either_encoder_is_the_copy(bench: Workbench, original: Path) -> None:
    """A node with a GPU finds what one without has made; one who asks for an encoder gets its copy."""

    class OnGpu(Transcoder):
        def choose_encoder(self, wanted: str, codec: Any = WEB) -> str:
            return "h264_nvenc" if wanted == "auto" else super().choose_encoder("x264")

    _put(bench, "inbox/a.mp4", original)
    _scan(bench)
    video = _record("inbox/a.mp4")
    first = _copy(bench, video)
    elsewhere = replace(bench, transcoder=OnGpu(replace(bench.transcoder.options, threads=3)))
    assert elsewhere.transcoder.default_encoding().encoder == "h264_nvenc"
    assert _copy(elsewhere, video).path == first.path
    assert _copy(elsewhere, video, encoder="x264").reused
    content = bench.content(video)
    asked = Encoding(encoder="h264_nvenc", encoder_asked=True, preset="ultrafast", max_kbit=2000)
    assert find_by_recipe(bench.root, copy_recipe(content, replace(asked, max_height=1080))) is None


def test_what_was_made_is_neither_forgotten_nor_made_again_while_its_folder_is_away(
    bench: Workbench, original: Path
) -> None:
    _put(bench, "inbox/a.mp4", original)
    _scan(bench)
    video = _record("inbox/a.mp4")
    first = _copy(bench, video)
    playback = bench.root.folder("playback")
    playback.rename(bench.root.path / "disk")
    playback.mkdir()  # what a mount leaves
    with refused(NotMounted):
        _copy(bench, video)
    assert _scan(bench, "playback").missing == 1
    with refused(NotMounted):
        _copy(bench, video)
    playback.rmdir()
    (bench.root.path / "disk").rename(playback)
    assert _copy(bench, video).path == first.path
    (bench.root.path / first.path).unlink()  # that is another matter: the folder is there
    assert list(playback.iterdir()) == []
    assert not _copy(bench, video).reused


def test_a_plan_knows_the_copy_of_a_copy(bench: Workbench, original: Path) -> None:
    path = _put(bench, "inbox/a.mp4", original)
    _scan(bench)
    _copy(bench, _record("inbox/a.mp4"))
    os.link(path, path.with_name("b.mp4"))
    _scan(bench)
    encoding = web_encoding(bench.transcoder, target_bitrate=2000, preset="ultrafast")
    planned = plan_library(bench, None, PlanOptions(bench.transcoder, encoding, samples=False, force=True))
    assert {found.action for found in planned.videos} == {"skip"}


def test_a_full_check_keeps_the_hash_of_the_whole_file(bench: Workbench, original: Path) -> None:
    path = _put(bench, "inbox/a.mp4", original)
    _scan(bench)
    video = _record("inbox/a.mp4")
    _forget_contents()
    validate(bench, str(video.id))
    assert (_record("inbox/a.mp4").content_id, _record("inbox/a.mp4").blake2) == (video.content_id, None)
    validate(bench, str(video.id), depth="full")
    assert _record("inbox/a.mp4").blake2 == blake2(path)


def test_a_product_that_has_rotted_is_found_again_and_again_and_made_anew(bench: Workbench, original: Path) -> None:
    """Until then the job was given the rotten one, for ever."""
    _put(bench, "inbox/a.mp4", original)
    _scan(bench)
    made = _copy(bench, _record("inbox/a.mp4"))
    path, published, recipe = bench.root.path / made.path, _record(made.path).blake2, _record(made.path).recipe
    stat, data = path.stat(), path.read_bytes()
    path.write_bytes(data.replace(b"Lavf", b"Xavf"))
    os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    with session() as opened:  # a disk that rots changes no time
        searching.get_video(opened, made.video_id).ctime_ns = path.stat().st_ctime_ns
    for _ in range(2):
        assert not validate(bench, str(made.video_id), depth="full").valid
        assert _record(made.path).blake2 == published
    rotten = path.read_bytes()
    anew = _copy(bench, _record("inbox/a.mp4"))
    assert (anew.reused, anew.path == made.path, path.read_bytes() == rotten) == (False, False, True)
    assert (_record(anew.path).recipe, _record(made.path).recipe) == (recipe, None)
    assert (_record(anew.path).is_valid, _record(made.path).is_valid) == (True, False)
    assert _copy(bench, _record("inbox/a.mp4")).path == anew.path
    path.write_bytes(data)
    os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    with session() as opened:
        searching.get_video(opened, made.video_id).ctime_ns = path.stat().st_ctime_ns
    assert validate(bench, str(made.video_id), depth="full").valid


def test_whoever_may_need_the_same_chunk_takes_the_same_lock() -> None:
    """Rows of two divisions share a chunk, and not their first."""
    sequence, way = FrameSequence("film", "of", 75, Fraction(25), (640, 360), graph=lambda first: first), Encoding()
    first, second = (sequence.chunk_keys(sequence.chunk_bounds(frames), way, "n9.0") for frames in (25, 50))
    assert (first[0] == second[0], first[-1] == second[-1]) == (False, True)
    assert sequence.lock(way, "n9.0") == replace(sequence, frames=50).lock(replace(way, threads=3), "n9.0")
    for other in (replace(sequence, of="other"), replace(sequence, rate=Fraction(30))):
        assert other.lock(way, "n9.0") != sequence.lock(way, "n9.0")
    assert sequence.lock(replace(way, crf=1), "n9.0") != sequence.lock(way, "n9.0") != sequence.lock(way, "n9.1")


def _known(path: str, content_id: str | None = "c", mtime_ns: int = 1, size: int = 1) -> RecordedFile:
    return RecordedFile(path, uuid.uuid4(), "", size, mtime_ns, True, False, content_id)


def _seen(path: str, content_id: str = "c", mtime_ns: int = 1, size: int = 1) -> SeenFile:
    return SeenFile(path, size, mtime_ns, 2, content_id)


@pytest.mark.parametrize(
    ("content_id", "mtime_ns", "valid", "unchanged"),
    [
        ("c", 1, True, True),
        ("c", 2, True, True),  # touched
        ("other", 1, True, False),
        ("c", 2, False, False),  # it may have been filled since, between the samples
        ("c", 1, False, True),
        ("other", 1, False, False),
    ],
)
def test_what_counts_as_unchanged(content_id: str, mtime_ns: int, valid: bool, unchanged: bool) -> None:
    known = _known("a")._replace(valid=valid)
    assert is_unchanged(known, _seen("a", content_id, mtime_ns)) is unchanged
    unread = known._replace(content_id=None)  # of before content ids
    assert is_unchanged(unread, _seen("a", content_id, mtime_ns)) is (mtime_ns == 1)


@pytest.mark.parametrize(
    ("records", "files", "expected"),
    [
        ([_known("a")], [_seen("b", "other")], {}),
        ([_known("x/a"), _known("x/b")], [_seen("y/b"), _seen("y/a")], {"x/a": "y/a", "x/b": "y/b"}),
        ([_known("x/a"), _known("x/b", mtime_ns=2)], [_seen("y/a", mtime_ns=2)], {"x/b": "y/a"}),
        ([_known("a"), _known("there")], [_seen("b"), _seen("c")], {"a": "b"}),
        # Of before content ids: a date to the nanosecond that nothing else has, or a name besides.
        ([_known("a", None)], [_seen("b", "any")], {"a": "b"}),
        ([_known("a", None)], [_seen("b"), _seen("c")], {}),
        ([_known("a", None), _known("b", None)], [_seen("c")], {}),
        ([_known("a", None, 10**9)], [_seen("b", mtime_ns=10**9)], {}),
        ([_known("x/a", None, 10**9)], [_seen("y/a", mtime_ns=10**9)], {"x/a": "y/a"}),
    ],
)
def test_which_record_a_new_file_is(
    records: list[RecordedFile], files: list[SeenFile], expected: dict[str, str]
) -> None:
    found = moves(files, records, is_gone=lambda record: record.path != "there")
    assert {record.path: file.path for record, file in found} == expected
