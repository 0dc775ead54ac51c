"""However long a source is, a job reads it twice: once for its index and companions, and once for its frames."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

import pytest

from reelmill.errors import ChangedMeanwhile
from reelmill.ffmpeg.reading.probe import open_media, probe
from reelmill.ffmpeg.reading.source_reading import PacketTimes
from reelmill.ffmpeg.remux import companion_copy
from reelmill.ffmpeg.transcoder import Transcoder
from reelmill.ffmpeg.verify import frames_compared
from reelmill.ffmpeg.verify.source_frames import SourceFrameReader
from reelmill.operations.chunk_store import encode_chunks, source_with_companions
from reelmill.operations.chunk_store.encode_chunks import ChunkTask
from reelmill.operations.chunk_store.job_claim import JobClaim
from reelmill.operations.chunk_store.source_with_companions import SourceReader
from reelmill.operations.chunk_store.store import Store
from reelmill.operations.context import Workbench
from reelmill.operations.jobs.reencode import reencode
from reelmill.operations.web_copies import web_copy
from tests.clips import ffmpeg
from tests.operations.library import add
from tests.processes import bytes_read

_LONG: Final = 40  # seconds
_SHORT: Final = 20


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


_NOISE: Final = ("-vf", "noise=alls=60:allf=t")
#: How frames are coded in containers that take no plain ones, and audio where that is to be another.
_CODED: Final = {
    "mp4": ("-c:v", "mjpeg", "-q:v", "2"),
    "ts": (*_NOISE, "-c:v", "mpeg2video", "-q:v", "2", "-g", "12"),
    "mpg": (*_NOISE, "-c:v", "mpeg2video", "-q:v", "2", "-g", "12", "-c:a", "mp2"),
    "wmv": (*_NOISE, "-c:v", "wmv2", "-q:v", "2", "-g", "12", "-c:a", "wmav2"),
}


def _read(bench: Workbench, plain: Path, kind: str, seconds: int, chunks: int) -> tuple[int, int]:
    """How many bytes a job reads, and how many its source has."""
    source = bench.root.folder("inbox") / f"{seconds}.{kind}"
    ffmpeg("-i", plain, "-c", "copy", *_CODED.get(kind, ()), "-t", str(seconds), source)
    video, before = add(bench, source), bytes_read()
    length = seconds / chunks if chunks > 1 else 2.0 * seconds
    made = reencode(bench, str(video.id), target_bitrate=50, crf=51, preset="ultrafast", chunk_seconds=length)
    assert made.chunks == chunks
    return bytes_read() - before, source.stat().st_size


_CASES: Final = [(kind, 3) for kind in ("mkv", "avi", *_CODED)] + [(kind, 1) for kind in ("mkv", "mp4", "ts")]


@pytest.mark.parametrize(("kind", "chunks"), _CASES)
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


def _flash(bench: Workbench, *options: str) -> Path:
    """Twenty seconds without an index."""
    source = bench.root.folder("inbox") / "a.flv"
    ffmpeg(
        "-f", "lavfi", "-i", "testsrc2=s=64x48:r=25:d=20", "-f", "lavfi", "-i", "sine=d=20:r=44100", "-c:v", "libx264",
        "-preset", "ultrafast", "-g", "25", "-c:a", "aac", *options, source,
    )  # fmt: skip
    return source


@pytest.mark.parametrize("options", [(), ("-an",)], ids=["with audio", "without"])
def test_a_flash_video_without_an_index_is_sought_in_its_copy(
    bench: Workbench, monkeypatch: pytest.MonkeyPatch, options: Sequence[str]
) -> None:
    """Each chunk would read it from its start, and so would each moment that is compared."""
    source = _flash(bench, *options)
    sought, encoded, run = list[Path](), list[str](), Transcoder.run

    class Noting(SourceFrameReader):
        def __init__(self, path: Path, *, exact: bool = False):
            sought.append(path)
            super().__init__(path, exact=exact)

    def noted(self: Transcoder, arguments: Sequence[str], *rest: Any) -> Any:
        encoded.append(next(value for option, value in pairwise(arguments) if option == "-i"))
        return run(self, arguments, *rest)

    monkeypatch.setattr(frames_compared, "SourceFrameReader", Noting)
    monkeypatch.setattr(Transcoder, "run", noted)
    made = reencode(bench, str(add(bench, source).id), preset="ultrafast", chunk_seconds=5.0)
    assert made.chunks == 4
    assert sought
    chunks = bench.root.path / ".reelmill" / "chunks"
    assert {path.parent for path in sought} == {chunks}
    made_of = 4 if options else 5  # chunks, and the audio
    assert all(str(chunks) in one for one in encoded[:made_of])
    with open_media(bench.root.path / made.path) as copy:
        assert sum(1 for _ in copy.decode(video=0)) == 500


def test_chunks_are_made_from_the_source_where_its_copy_is_gone(
    bench: Workbench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As where another job of the same video was refused, and let go of all that it was made of."""
    make = encode_chunks.make_chunks

    def without_copy(bench: Workbench, tasks: Sequence[ChunkTask], *rest: Any, **named: Any) -> Any:
        frames = tasks[-1].source.frames
        assert frames is not None
        Store(bench.root).drop([frames])
        return make(bench, tasks, *rest, **named)

    monkeypatch.setattr(web_copy, "make_chunks", without_copy)
    source = _flash(bench)
    made = reencode(bench, str(add(bench, source).id), preset="ultrafast", chunk_seconds=5.0)
    assert made.chunks == 4
    with open_media(bench.root.path / made.path) as copy:
        assert sum(1 for _ in copy.decode(video=0)) == 500


def test_a_job_that_begins_again_reads_what_was_copied(bench: Workbench) -> None:
    """Killed before it was kept what is to be mended, it asks all packets again, and they are in the copy."""
    source = _flash(bench)
    video, info = add(bench, source), probe(source)
    found = []
    for _ in range(2):
        reader, taken = SourceReader(bench, video, JobClaim(bench, "a recipe")), PacketTimes()
        reader.read_packets(source, info, taken)
        assert taken.whole
        found.append((reader.read(source, info), taken.found()))
    assert found[0] == found[1]
    known = found[0][0].known
    assert known is not None
    assert known.frames_copy is not None
    assert len(known.times) == len(found[0][1][0]) == 500


@pytest.mark.parametrize("kind", ["flv", "ts"])
def test_a_copy_of_a_file_that_was_replaced_meanwhile_is_not_kept(
    bench: Workbench, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    """Some of its packets are of the one file, and some of the other."""
    source, whole = _flash(bench), companion_copy.index_and_companions
    if kind == "ts":
        flash, source = source, source.with_suffix(".ts")
        ffmpeg("-i", flash, "-c", "copy", source)
        flash.unlink()
    video, info = add(bench, source), probe(source)

    def replaced(*given: Any) -> Any:
        found = whole(*given)
        source.write_bytes(source.read_bytes())
        return found

    monkeypatch.setattr(source_with_companions, "index_and_companions", replaced)
    with pytest.raises(ChangedMeanwhile):
        SourceReader(bench, video, JobClaim(bench, "a recipe")).read(source, info)
    kept = [path for path in (bench.root.path / ".reelmill" / "chunks").iterdir() if path.suffix == ""]
    assert len(kept) == (2 if kind == "flv" else 0), "of the FLV as it was its copy with an index, and what is of that"
