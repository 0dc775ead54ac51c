"""The duplicates report over a library, and fingerprints that are taken once."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import uuid
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from sqlalchemy import text

from reelmill.analysis.similarity.perceptual_hash import ALGORITHM, hash_video
from reelmill.catalogue.engine import session
from reelmill.catalogue.facts import findings
from reelmill.catalogue.facts.same_content import videos_of
from reelmill.catalogue.models import PerceptualHashes
from reelmill.errors import NotMounted
from reelmill.operations.context import Workbench
from reelmill.operations.derived import previews
from reelmill.operations.derived.likeness import likenesses
from reelmill.operations.derived.perceptual_hash_cache import HashTask, batches, perceptual_hashes
from reelmill.operations.jobs.duplicates_report import DuplicatesResult, duplicates_report
from reelmill.operations.jobs.scan import scan
from reelmill.parallel import Result, Work, ignore, in_threads
from reelmill.storage.media_root import MediaRoot
from tests.clips import ffmpeg
from tests.operations.library import add

_MOVING = "mandelbrot=s=320x180:r=25:start_scale=0.6:end_scale=0.02:end_pts=500,hue=H=0.4*t,trim=duration=12"
_X264 = ("-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p")


#: Videos of random hashes, of which each thousandth shows what the one after it does.
_GENERATED = """
WITH made AS (
    INSERT INTO catalogue.video (
        id, title, path, directory_type, filename, size, mtime_ns, duration, is_valid, created_at, updated_at
    )
    SELECT gen_random_uuid(), n::text, 'library/videos/' || n / 1000 || '/' || n || '.mp4', 'videos', n || '.mp4', 0,
        1000000000, :seconds, true, now(), now()
    FROM generate_series(0, :videos - 1) AS n
    RETURNING id, CASE WHEN title::int % 1000 = 1 THEN title::int - 1 ELSE title::int END AS shown
)
INSERT INTO catalogue.fingerprint (video_id, algorithm, size, mtime_ns, seconds, hashes, created_at)
SELECT id, :way, 0, 1000000000, :seconds, (
    SELECT string_agg(substring(decode(md5(shown || ' ' || second), 'hex') FROM 1 FOR 8), '')
    FROM generate_series(1, :seconds) AS second
), now()
FROM made
"""

#: Prints how many sets were found, and by how many kB the process has grown since it had done the same on nothing.
_MEASURED = """
import resource, sys
from pathlib import Path
from reelmill.operations.context import Workbench
from reelmill.operations.jobs.duplicates_report import duplicates_report
from reelmill.report import NullReport
from reelmill.storage.media_root import MediaRoot

bench = Workbench(root=MediaRoot(Path(sys.argv[1])), report=NullReport())
assert duplicates_report(bench, directory_type="inbox").videos == 0
idle = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
groups = duplicates_report(bench).groups
print(len(groups), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - idle)
"""


class _Counting:
    """The fan-out of one process, remembering what it was asked for."""

    def __init__(self) -> None:
        self.names: list[str] = []

    def __call__(
        self, function: Callable[[Work], Result], works: Sequence[Work], done: Callable[[Result], None] = ignore
    ) -> list[Result]:
        for work in works:
            assert isinstance(work, tuple)
            self.names += [Path(wanted.path).name for wanted in work]
        return in_threads(function, works, done)


@pytest.fixture
def library(bench: Workbench) -> Path:
    """A video, a copy, a clip of it, something else, and a file that is none."""
    folder = bench.root.folder("inbox")
    ffmpeg("-f", "lavfi", "-i", _MOVING, *_X264, folder / "original.mp4")
    ffmpeg("-i", folder / "original.mp4", "-vf", "scale=160:90", *_X264, folder / "a|copy.mkv")
    ffmpeg("-ss", "4", "-t", "5", "-i", folder / "original.mp4", *_X264, folder / "clip.mp4")
    ffmpeg("-f", "lavfi", "-i", "testsrc2=s=160x90:d=8", *_X264, folder / "other.mp4")
    (folder / "broken.mp4").write_bytes(b"not a video")
    playback = bench.root.folder("playback")
    os.link(folder / "original.mp4", playback / "original.mp4")
    add(bench, playback / "original.mp4")
    add(bench, folder / "original.mp4")
    return folder


def _page(bench: Workbench, result: DuplicatesResult) -> str:
    return result.result_card().markdown(partial(previews.data_url, bench.root.path, bench.report))


def test_what_is_there_is_found_and_nothing_is_touched(bench: Workbench, library: Path) -> None:
    before = {path: path.stat().st_mtime_ns for path in bench.root.path.rglob("*") if path.is_file()}
    result = duplicates_report(bench)
    assert [[copy.path for copy in group] for group in result.groups] == [["inbox/original.mp4", "inbox/a|copy.mkv"]]
    (clip,) = result.clips
    assert (clip.clip.path, clip.whole.path) == ("inbox/clip.mp4", "inbox/original.mp4")
    assert abs(clip.offset - 4) <= 1
    assert (result.videos, result.skipped) == (4, {})
    # What pages go through: ids alone, of which each page asks the catalogue itself.
    same, within = result.every_item()
    assert same == {"same": [str(copy.video_id) for copy in result.groups[0]]}
    assert (within["clip"], within["whole"]) == (str(clip.clip.video_id), str(clip.whole.video_id))
    with session() as opened:
        videos = videos_of(opened, [clip.clip.video_id, *(copy.video_id for copy in result.groups[0])])
        ids = [copy.video_id for copy in result.groups[0]]
        best, worse, inside = (videos[each] for each in (*ids, clip.clip.video_id))
        assert likenesses(opened, [(best, worse)])[best.id, worse.id] > 0.9
        assert likenesses(opened, [(inside, best)], clip.offset)[inside.id, best.id] > 0.9
        assert likenesses(opened, [(inside, best)])[inside.id, best.id] < 0.5
    assert {path: path.stat().st_mtime_ns for path in bench.root.path.rglob("*") if path.is_file()} == before
    page = _page(bench, result)
    assert r"inbox/a\|copy.mkv" in page
    assert page.count("data:image/jpeg;base64,") == 3
    assert len(page) < 100_000
    assert duplicates_report(bench, directory_type="playback").videos == 1


def test_an_unchanged_file_is_looked_at_once(bench: Workbench, library: Path) -> None:
    first, second, third = _Counting(), _Counting(), _Counting()
    result = duplicates_report(bench, fan_out=first)
    assert sorted(first.names) == ["a|copy.mkv", "clip.mp4", "original.mp4", "other.mp4"]
    assert duplicates_report(bench, fan_out=second) == result
    assert second.names == []
    os.utime(library / "other.mp4", ns=(1, 1))
    (library / "clip.mp4").unlink()
    (library / "clip.mp4").symlink_to("/")
    led_out = duplicates_report(bench)
    assert "leads out" in led_out.skipped["inbox/clip.mp4"]
    with (library / "other.mp4").open("ab") as file:
        file.write(b"\0\0\0\x08free")
    (library / "clip.mp4").unlink()
    gone = duplicates_report(bench, fan_out=third)
    assert sorted(third.names) == ["clip.mp4", "other.mp4"]
    assert list(gone.skipped) == ["inbox/clip.mp4"]
    assert _page(bench, result).count("data:image/jpeg;base64,") == 2  # of the clip there is no picture any more


def test_exact_copies_are_found_by_their_content_and_looked_at_once(bench: Workbench, library: Path) -> None:
    """Of one that was written since the scan nothing is believed."""
    for name in ("same.mp4", "same too.mp4", "written since.mp4"):
        shutil.copyfile(library / "other.mp4", library / name)
    scan(bench.root, "inbox", directory_types=["inbox"], settle_seconds=0)
    shutil.copyfile(library / "clip.mp4", library / "written since.mp4")
    counted = _Counting()
    result = duplicates_report(bench, fan_out=counted)
    groups = [{copy.path for copy in group} for group in result.groups]
    assert {"inbox/other.mp4", "inbox/same.mp4", "inbox/same too.mp4"} in groups
    assert {"inbox/clip.mp4", "inbox/written since.mp4"} in groups
    assert len(counted.names) == 5
    assert result.videos == 7


@pytest.mark.usefixtures("catalogue")
def test_a_library_is_compared_in_memory_that_has_a_bound(bench: Workbench) -> None:
    """A million would take 2.4 GB: 2.4 kB each, most of it its hashes and its name."""
    videos, seconds, places = 20_000, 20, []
    folder = bench.root.folder("videos")
    for number in range(videos):
        if number % 1000 == 0:
            places.append(folder / str(number // 1000))
            places[-1].mkdir(parents=True)
        (places[-1] / f"{number}.mp4").touch()
        os.utime(places[-1] / f"{number}.mp4", (1, 1))
    with session() as opened:
        opened.connection().execute(text(_GENERATED), {"videos": videos, "seconds": seconds, "way": ALGORITHM})
    command = [sys.executable, "-c", _MEASURED, str(bench.root.path)]
    answer = subprocess.run(command, capture_output=True, text=True, check=False)
    assert answer.returncode == 0, answer.stderr
    found, kilobytes = map(int, answer.stdout.split()[-2:])
    assert found == videos // 1000
    assert kilobytes * 1024 / videos < 500, kilobytes


def test_what_is_kept(bench: Workbench, library: Path) -> None:
    video = add(bench, library / "original.mp4")
    found, failed = perceptual_hashes(bench, [video])
    assert not failed
    np.testing.assert_array_equal(found[video.id], hash_video(library / "original.mp4"))
    with session() as opened:
        kept = findings.perceptual_hashes(opened, ALGORITHM, [video.id])[video.id]
        assert findings.perceptual_hashes(opened, "another", [video.id]) == {}
        assert findings.perceptual_hashes(opened, ALGORITHM, [uuid.uuid4()]) == {}
    assert (kept.size, kept.mtime_ns) == (video.size, video.mtime_ns)
    assert (kept.seconds, len(kept.hashes)) == (12, 96)
    with session() as opened:
        opened.connection().execute(text("DELETE FROM catalogue.video WHERE id = :id"), {"id": video.id})
    with session() as opened:
        assert opened.get(PerceptualHashes, video.id) is None, "a fingerprint goes with its video"


def test_nothing_to_compare(bench: Workbench) -> None:
    result = duplicates_report(bench)
    assert (result.videos, result.groups, result.clips) == (0, (), ())
    assert "no duplicates found" in _page(bench, result)


def test_a_library_that_is_away(catalogue: str, tmp_path: Path) -> None:
    with pytest.raises(NotMounted):
        duplicates_report(Workbench(root=MediaRoot(tmp_path / "nowhere")))


def test_batches_of_ten_minutes(bench: Workbench, library: Path) -> None:
    video_id = add(bench, library / "clip.mp4").id
    wanted = [HashTask(video_id, f"{number}") for number in range(7)]
    split = batches(list(zip(wanted, [7200, 100, 300, 250, 0, 0, 20], strict=True)))
    assert [len(batch) for batch in split] == [1, 3, 3]
    assert [one for batch in split for one in batch] == wanted
    assert batches([]) == []
