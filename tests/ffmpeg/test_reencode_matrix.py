"""Every real clip through the web profile, and what came out of it."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import pytest

from reelmill.ffmpeg.binary import find_ffmpeg
from reelmill.ffmpeg.commands import filters, web_copy
from reelmill.ffmpeg.encoding import Encoding
from reelmill.ffmpeg.process.run import FfmpegRunner, Limits
from reelmill.ffmpeg.reading.decode import check_whole
from reelmill.ffmpeg.reading.probe import main_video, open_media, probe
from reelmill.ffmpeg.remux.mending import fault_of, mended
from reelmill.ffmpeg.transcoder import Transcoder
from reelmill.ffmpeg.verify import Expectation, Source, examine, faststart
from reelmill.report import NullReport
from tests.ffmpeg.real_clips import REFUSED, rows

_NAMES = [row["file"] for row in rows() if row["file"] not in REFUSED and row["file"] != "long1080.mp4"]

#: Damaged on purpose: ffmpeg hides the holes in them, so that pictures cannot be counted against ours.
_DAMAGED = {"corrupted.mp4", "corrupt_middle.mp4", "lost_packets.ts", "truncated_faststart.mp4"}


def _times(path: Path) -> tuple[list[Fraction], Fraction]:
    """When each picture is shown, in seconds from the first, and for how long the last one is."""
    with open_media(path) as container:
        found = main_video(container)
        assert found is not None
        found[1].thread_type = "AUTO"
        times, last = [], Fraction(0)
        for packet in container.demux(found[1]):
            try:
                frames = packet.decode()
            except EOFError:
                continue
            for frame in frames:
                assert frame.pts is not None
                assert frame.time_base is not None
                times.append(frame.pts * frame.time_base)
                last = frame.duration * frame.time_base
    return [time - times[0] for time in times], last


@pytest.mark.real_media
@pytest.mark.parametrize("name", _NAMES, ids=lambda name: name[:40])
def test_real_clip(real_media: Path, tmp_path: Path, name: str) -> None:
    source, target = _as_jobs_read_it(real_media / name, tmp_path), tmp_path / "web.mp4"
    before = probe(source)
    command = web_copy.reencode(source, before, target, Encoding(preset="ultrafast"))
    FfmpegRunner(find_ffmpeg()).run(command, limits=Limits(stall=60))

    after, report = probe(target), check_whole(target)
    video = after.video
    assert (video.codec, video.pixel_format) == ("h264", "yuv420p")
    assert video.rotation == 0
    assert video.sample_aspect == 1
    width, height = before.video.display_size
    assert (video.width, video.height) == (max(2, width + width % 2), max(2, height + height % 2))
    assert report.errors == ()
    assert report.ordered
    assert after.audio_tracks == before.audio_tracks
    assert set(after.audio_codecs) <= {"aac"}
    texts = [codec for codec in before.subtitle_codecs if codec in filters.TEXT_SUBTITLES]
    assert after.subtitle_codecs == ("mov_text",) * len(texts)
    assert faststart(target)
    assert video.hdr is None
    if before.video.hdr:
        with av.open(str(target)) as container:
            context = container.streams.video[0].codec_context
            assert (context.color_primaries, context.color_trc, context.colorspace) == (1, 1, 1)  # bt709
    proof = examine(target, Expectation(size=(video.width, video.height), source=Source(source, before)))
    if name not in _DAMAGED:
        _same_pictures(source, target)
        assert proof.findings == ()
        assert all(abs(offset.seconds) < 0.005 for offset in proof.offsets if offset.heard)
    else:
        assert proof.notes or proof.findings or name == "lost_packets.ts"  # ffmpeg hides what MPEG-2 lost


def _as_jobs_read_it(source: Path, folder: Path) -> Path:
    """The source, or where its times or colours lie, the mended copy."""
    fault = fault_of(source, probe(source))
    if fault is None:
        return source
    copy = folder / "mended"
    mended(Transcoder(), (source, probe(source)), fault, copy, NullReport())
    return copy


def _same_pictures(source: Path, target: Path) -> None:
    (wanted, wanted_last), (got, got_last) = _times(source), _times(target)
    if probe(source).video.interlaced:  # a frame for each field
        assert len(got) == 2 * len(wanted)
        got, got_last = got[::2], 2 * got_last
    assert len(got) == len(wanted)
    worst = max((abs(a - b) for a, b in zip(wanted, got, strict=True)), default=Fraction(0))
    assert worst <= Fraction(1, 1000), float(worst)
    frame = 1 / (probe(source).video.frame_rate or Fraction(25))
    assert abs(got_last - wanted_last) <= frame + Fraction(1, 1000)
