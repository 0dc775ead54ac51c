"""Each thing that can be wrong with a library is made so, and found; a library in use is found to be whole."""

from __future__ import annotations

import os
import shutil
import time
import uuid
from pathlib import Path

import av
import pytest
from sqlmodel import select

from reelmill.catalogue.engine import session
from reelmill.catalogue.models import Video, utc_now
from reelmill.catalogue.videos import scanning
from reelmill.doctor.findings import Finding, Severity, clean
from reelmill.doctor.library import check_library, manifest
from reelmill.errors import NotMounted
from reelmill.ffmpeg.reading.decode import check_whole
from reelmill.operations.context import Workbench
from reelmill.operations.jobs.reencode import reencode
from reelmill.operations.jobs.scan import scan
from reelmill.operations.jobs.thumbnail_generate import thumbnail
from reelmill.operations.publishing import publish_journal
from reelmill.operations.publishing.move_journal import Identity, Move
from reelmill.operations.publishing.workspace import workspace
from reelmill.storage.file_hash import blake2
from reelmill.storage.media_root import MediaRoot
from tests.clips import as_nobody, clip, ffmpeg, overwritten
from tests.operations.library import add


@pytest.fixture
def made(bench: Workbench) -> Video:
    """The web copy of a video, in a library with nothing wrong."""
    video = add(bench, clip(bench.root.folder("inbox") / "a.mp4", seconds=1, size="64x48"))
    thumbnail(bench, str(video.id))
    reencode(bench, str(video.id), preset="ultrafast")
    with session() as opened:
        return opened.exec(select(Video).where(Video.path == "playback/a.mp4")).one()


def _wrong(root: MediaRoot, **options: object) -> list[Finding]:
    return [found for found in check_library(root, **options) if found.severity is not Severity.OK]  # type: ignore[arg-type]


def _one(root: MediaRoot, **options: object) -> Finding:
    (found,) = _wrong(root, **options)
    assert found.remedy
    return found


def test_a_library_in_order(bench: Workbench, made: Video) -> None:
    originals = manifest(bench.root)
    assert list(originals) == ["inbox/a.mp4"]
    (bench.root.folder("inbox") / ".DS_Store").write_bytes(b"a person's own")
    (bench.root.folder("inbox") / "new.mp4").write_bytes(b"not seen yet")
    findings = check_library(bench.root, deep=True, originals=originals)
    assert clean(findings)
    assert [found.sentence for found in findings] == [
        "2 records, each of a file that is there as recorded.",
        "No half-made file and no orphan in the library; no scan has seen yet what is in inbox (1 file).",
        "No unfinished work of a dead run.",
        "2 videos decoded, each whole.",
        "1 original byte for byte as in the manifest.",
    ]


def test_a_missing_file(bench: Workbench, made: Video) -> None:
    (bench.root.path / made.path).unlink()
    found = _one(bench.root, deep=True)
    assert (found.check, found.severity, found.names) == ("missing_files", Severity.FAULT, (made.path,))
    assert found.sentence == "1 record of files that are not there: playback/a.mp4."
    with session() as opened:
        scanning.mark_missing(opened, [made.path], utc_now())
    found = _one(bench.root, deep=True)
    assert (found.check, found.severity, found.repairable) == ("still_missing", Severity.WARNING, False)


def test_a_flipped_bit_that_still_decodes(bench: Workbench, made: Video) -> None:
    """A disk that rots changes neither size nor time; AAC decodes nearly anything."""
    path = bench.root.path / made.path
    stat, whole = path.stat(), path.read_bytes()
    assert made.blake2 == blake2(path)
    with av.open(str(path)) as container:
        packets = [packet for packet in container.demux(audio=0) if packet.size and packet.pos is not None]
        places = [packet.pos + packet.size // 2 for packet in packets if packet.pos is not None]
    for place in places[5:]:
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
        if check_whole(path).clean:
            break
    assert check_whole(path).clean
    os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    assert clean(check_library(bench.root))
    found = _one(bench.root, deep=True)
    assert (found.check, found.severity, len(found.names)) == ("content", Severity.FAULT, 1)
    path.write_bytes(whole)
    os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    assert clean(check_library(bench.root, deep=True))


def test_what_is_scanned_anew_has_the_hash_of_no_job(bench: Workbench, made: Video) -> None:
    path = bench.root.path / made.path
    ffmpeg("-i", bench.root.path / "inbox/a.mp4", "-t", "0.5", path)
    scan(bench.root, made.directory_type, directory_types=[made.directory_type], settle_seconds=0)
    with session() as opened:
        assert opened.exec(select(Video).where(Video.path == made.path)).one().blake2 is None


def test_an_invalid_video(bench: Workbench, made: Video) -> None:
    broken = bench.root.folder("inbox") / "broken.mp4"
    broken.write_bytes(b"not a video")
    add(bench, broken)
    found = _one(bench.root, deep=True)
    assert (found.check, found.severity, found.names) == ("invalid_videos", Severity.WARNING, ("inbox/broken.mp4",))
    assert "`reelmill videos list --invalid`" in (found.remedy or "")
    broken.unlink()
    with session() as opened:
        scanning.mark_missing(opened, ["inbox/broken.mp4"], utc_now())
    assert [found.check for found in _wrong(bench.root)] == ["still_missing"]


def test_a_folder_in_place_of_a_file_is_a_missing_file(bench: Workbench, made: Video) -> None:
    (bench.root.path / made.path).unlink()
    (bench.root.path / made.path).mkdir()
    assert _one(bench.root).check == "missing_files"


def test_a_file_that_is_back(bench: Workbench, made: Video) -> None:
    with session() as opened:
        scanning.mark_missing(opened, ["inbox/a.mp4"], utc_now())
    found = _one(bench.root)
    assert (found.check, found.names, found.repairable) == ("returned_files", ("inbox/a.mp4",), True)


def test_a_product_that_was_cut_off(bench: Workbench, made: Video) -> None:
    os.truncate(bench.root.path / made.path, made.size // 2)
    found = _one(bench.root)
    assert (found.check, found.severity, found.repairable) == ("altered_products", Severity.FAULT, False)


def test_a_product_with_another_time(bench: Workbench, made: Video) -> None:
    os.utime(bench.root.path / made.path)
    assert _one(bench.root).check == "touched_products"


def test_an_original_that_changed(bench: Workbench, made: Video) -> None:
    originals = manifest(bench.root)
    with (bench.root.path / "inbox/a.mp4").open("ab") as file:
        file.write(b"more")
    assert _one(bench.root).check == "changed_originals"
    changed, lost = _wrong(bench.root, originals=originals)
    assert (changed.check, lost.check) == ("changed_originals", "originals")
    assert (lost.severity, lost.names) == (Severity.FAULT, ("inbox/a.mp4",))


def test_an_original_of_the_same_length_and_time_with_other_bytes(bench: Workbench, made: Video) -> None:
    originals, path = manifest(bench.root), bench.root.path / "inbox/a.mp4"
    before = path.stat()
    overwritten(path, path, at=0.5, count=64)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert _wrong(bench.root) == []  # that is what the manifest, and decoding, are for
    assert _one(bench.root, originals=originals).check == "originals"
    damaged = _one(bench.root, deep=True)
    assert (damaged.check, damaged.severity) == ("content", Severity.FAULT)
    assert "inbox/a.mp4 is damaged" in damaged.sentence


def test_an_original_that_was_moved_is_not_lost(bench: Workbench, made: Video) -> None:
    originals = manifest(bench.root)
    bench.root.folder("videos").mkdir()
    (bench.root.path / "inbox/a.mp4").rename(bench.root.folder("videos") / "b.mp4")
    with session() as opened:
        video = opened.exec(select(Video).where(Video.path == "inbox/a.mp4")).one()
        video.path, video.directory_type = "library/videos/b.mp4", "videos"
        opened.add(video)
    assert _wrong(bench.root, originals=originals) == []
    (bench.root.folder("videos") / "b.mp4").unlink()
    assert {found.check for found in _wrong(bench.root, originals=originals)} == {"missing_files", "originals"}


def test_orphans(bench: Workbench, made: Video) -> None:
    (bench.root.path / "playback/stray.mp4").write_bytes(b"x")
    (bench.root.path / f"gifs/{uuid.uuid4()}-01234567.gif").write_bytes(b"x")
    (bench.root.path / f"gifs/{made.id}-01234567.gif").write_bytes(b"x")
    unrecorded, video, picture = _wrong(bench.root)
    assert (unrecorded.check, unrecorded.names) == ("unrecorded_images", (f"gifs/{made.id}-01234567.gif",))
    assert (video.check, video.names, video.repairable) == ("orphans", ("playback/stray.mp4",), True)
    assert (picture.check, len(picture.names), picture.repairable) == ("orphan_pictures", 1, False)


def test_a_lost_thumbnail(bench: Workbench, made: Video) -> None:
    shutil.rmtree(bench.root.path / "thumbnails")
    assert _one(bench.root).check == "lost_thumbnails"


def test_a_half_made_copy_in_the_library(bench: Workbench, made: Video) -> None:
    (bench.root.folder("inbox") / ".reelmill-0123.moving").write_bytes(b"half")
    found = _one(bench.root)
    assert (found.check, found.severity) == ("half_made", Severity.FAULT)


def test_work_of_a_dead_run(bench: Workbench, made: Video) -> None:
    left = bench.root.work / "0123"
    left.mkdir()
    found = _one(bench.root)
    assert (found.check, found.severity, found.names) == ("unfinished_work", Severity.WARNING, ("0123",))
    before = Identity(inode=1, size=1, mtime_ns=1)
    Move(video_id=made.id, source="inbox/x.mp4", target="library/x.mp4", before=before).write(left)
    found = _one(bench.root)
    assert (found.check, found.severity, found.repairable) == ("unsettled", Severity.FAULT, True)
    shutil.rmtree(left)
    left.mkdir()
    (left / "staged.mp4").write_bytes(b"x")
    publish_journal.write(left / "staged.mp4", made)
    assert _one(bench.root).check == "unsettled"


def test_work_under_way_is_nobodys_fault(bench: Workbench, made: Video) -> None:
    with workspace(bench.root, "4567", bench.report) as folder:
        (folder / "half.mp4").write_bytes(b"half")
        assert _wrong(bench.root) == []
    (bench.root.work / "4567").mkdir()
    assert _one(bench.root).check == "unfinished_work"


def test_a_folder_that_cannot_be_read(bench: Workbench, made: Video, open_folder: Path) -> None:
    root = MediaRoot(open_folder / f"closed-{uuid.uuid4().hex[:8]}")
    shutil.copytree(bench.root.path, root.path, copy_function=shutil.copy2)
    root.path.chmod(0o755)
    (root.path / "inbox/closed").mkdir(mode=0o700)
    with as_nobody():
        found = _one(root)
    assert (found.check, found.names) == ("folders", ("inbox/closed",))


def test_names_that_are_not_utf8(bench: Workbench, made: Video) -> None:
    with open(os.fsencode(bench.root.path / "playback") + b"/caf\xe9.mp4", "wb"):  # noqa: PTH123
        assert _one(bench.root).names == ("playback/caf?.mp4",)


def test_nothing_there_is_not_everything_missing(bench: Workbench, made: Video) -> None:
    shutil.rmtree(bench.root.path)
    with pytest.raises(NotMounted):
        check_library(bench.root)


def test_ten_thousand_files_in_a_moment(bench: Workbench) -> None:
    folder = bench.root.folder("inbox")
    videos = []
    for number in range(10_000):
        path = folder / f"{number}.mp4"
        path.touch()
        stat = path.stat()
        videos.append(
            Video(
                title=str(number), path=f"inbox/{path.name}", directory_type="inbox", filename=path.name,
                size=0, mtime_ns=stat.st_mtime_ns, is_valid=False,
            )
        )  # fmt: skip
    with session() as opened:
        scanning.upsert_videos(opened, videos)
    (folder / "77.mp4").unlink()
    started = time.process_time()  # what others take of the processor is not ours
    found = {each.check: each.names for each in _wrong(bench.root)}
    assert time.process_time() - started < 3
    assert found["missing_files"] == ("inbox/77.mp4",)
    assert (len(found["invalid_videos"]), "inbox/77.mp4" in found["invalid_videos"]) == (9999, False)
