"""However long a source is, a job reads it twice: once for its index and companions, and once for its frames."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import pytest

from reelmill.ffmpeg.reading.probe import open_media
from reelmill.operations.context import Workbench
from reelmill.operations.jobs.reencode import reencode
from tests.clips import ffmpeg
from tests.operations.library import add
from tests.processes import bytes_read

_LONG: Final = 30  # seconds
_SHORT: Final = 12


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A video of two megabytes a second, beside which its audio and its copy are next to nothing."""
    made = tmp_path_factory.mktemp("reads") / "plain.mkv"
    ffmpeg(
        "-f", "lavfi", "-i", f"testsrc2=s=320x180:r=25:d={_LONG}",
        "-f", "lavfi", "-i", f"aevalsrc='0.3*sin(2*PI*(300+50*floor(t))*t)':s=48000:d={_LONG}",
        "-c:v", "rawvideo", "-pix_fmt", "yuv420p", "-c:a", "aac", "-b:a", "64k", made,
    )  # fmt: skip
    return made


def _read(bench: Workbench, plain: Path, kind: str, seconds: int, chunks: int) -> tuple[int, int]:
    """How many bytes a job reads, and how many its source has."""
    source = bench.root.folder("inbox") / f"{seconds}.{kind}"
    frames = ("-c:v", "mjpeg", "-q:v", "2") if kind == "mp4" else ()  # which takes no plain frames
    ffmpeg("-i", plain, "-c", "copy", *frames, "-t", str(seconds), source)
    video, before = add(bench, source), bytes_read()
    length = seconds / chunks if chunks > 1 else 2.0 * seconds
    made = reencode(bench, str(video.id), target_bitrate=50, crf=51, preset="ultrafast", chunk_seconds=length)
    assert made.chunks == chunks
    return bytes_read() - before, source.stat().st_size


@pytest.mark.parametrize(("kind", "chunks"), [("mp4", 3), ("mkv", 3), ("mp4", 1), ("mkv", 1)])
def test_a_longer_source_is_read_twice_as_far_as_it_is_longer(
    bench: Workbench, plain: Path, kind: str, chunks: int
) -> None:
    """What is read once however long a source is, headers and the moments that are compared, is in both."""
    (short, less), (long, more) = (_read(bench, plain, kind, seconds, chunks) for seconds in (_SHORT, _LONG))
    # A third reading would make it 3; what is read by the clock, such as how far an encode is, is in it, too.
    assert long - short <= 2.5 * (more - less), (long - short) / (more - less)


def test_audio_that_begins_late_in_a_broadcast_stays_late(bench: Workbench) -> None:
    """Where ffmpeg takes audio alone from MPEG-TS, it begins with that."""
    source = bench.root.folder("inbox") / "late.ts"
    ffmpeg(
        "-f", "lavfi", "-i", "testsrc2=s=64x48:r=25:d=3", "-itsoffset", "0.7", "-f", "lavfi", "-i", "sine=d=2",
        "-c:v", "libx264", "-preset", "ultrafast", "-g", "25", "-c:a", "mp2", source,
    )  # fmt: skip
    made = reencode(bench, str(add(bench, source).id), preset="ultrafast", chunk_seconds=1.0)
    assert made.chunks == 3
    with open_media(bench.root.path / made.path) as copy:
        first, heard = copy.streams.video[0], copy.streams.audio[0]
        begins = [float((stream.start_time or 0) * (stream.time_base or 0)) for stream in (first, heard)]
    assert begins[1] - begins[0] == pytest.approx(0.69, abs=0.03)
