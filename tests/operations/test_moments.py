"""Clips and highlights: what was cut is what it says, to the frame, and its sound is with it."""

from __future__ import annotations

from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import av
import numpy as np
import pytest

from reelmill.analysis.scoring.selection import Segment
from reelmill.catalogue.models import Video
from reelmill.errors import WrongParameter
from reelmill.ffmpeg.reading.audio.loudness import integrated_loudness
from reelmill.ffmpeg.reading.decode import check_whole
from reelmill.ffmpeg.verify import faststart
from reelmill.operations.context import Workbench
from reelmill.operations.jobs.clip_generate import clip_generate
from reelmill.operations.jobs.highlight_generate import FADE, highlight_generate, overlapped
from tests.clips import ffmpeg
from tests.operations.library import add, taken
from tests.refusals import refused

RATE = 25
SECONDS = 40


def _counting(path: Path) -> Path:
    """40 s whose luma rises by 1 every 5 frames, and whose tone rises by 20 Hz every second; lively here and there."""
    count = "geq=lum='20+floor(N/5)':cb=128:cr=128"
    noise = "drawbox=x='mod(925*t,280)':y='mod(575*t,120)':w=40:h=40:color=red:t=fill:enable='between(mod(t,16),4,10)'"
    tone = "aevalsrc='0.3*sin(2*PI*(300+20*floor(t))*t)':d=40:s=48000"
    ffmpeg("-f", "lavfi", "-i", f"nullsrc=s=320x180:r={RATE}:d={SECONDS},{count},{noise}", "-f", "lavfi", "-i", tone,
           "-c:v", "libx264", "-preset", "veryfast", "-crf", "10", "-g", "60", "-pix_fmt", "yuv420p", path)  # fmt: skip
    return path


@pytest.fixture
def video(bench: Workbench) -> Video:
    return add(bench, _counting(bench.root.folder("inbox") / "count.mp4"))


def _frames(path: Path) -> list[float]:
    """For each picture, which frame of the source it is, by its luma in the corner; -1 to +4 of it."""
    with av.open(str(path)) as container:
        corner = [
            float(np.median(frame.to_ndarray(format="yuv420p")[168:180, 300:])) for frame in container.decode(video=0)
        ]
    return [5 * (luma - 20) + 2 for luma in corner]


def _tones(path: Path) -> dict[int, float]:
    """The strongest tone in the middle half of each second, in Hz."""
    with av.open(str(path)) as container:
        rate = container.streams.audio[0].rate
        wave = np.concatenate([frame.to_ndarray()[0] for frame in container.decode(audio=0)])
    found = {}
    for second in range(len(wave) // rate):
        part = wave[second * rate + rate // 4 : second * rate + 3 * rate // 4]
        spectrum = np.abs(np.fft.rfft(part * np.hanning(len(part)), 8 * len(part)))
        found[second] = float(np.argmax(spectrum)) * rate / (8 * len(part))
    return found


def test_clips_are_cut_to_the_frame_and_in_sync(bench: Workbench, video: Video) -> None:
    result = clip_generate(bench, str(video.id), count=3, length=4)
    assert len(result.clips) == 3
    assert all(before.end <= after.start for before, after in pairwise(result.clips))
    for clip in result.clips:
        path = bench.root.path / clip.path
        assert clip.path.startswith("clips/count ")
        assert clip.end - clip.start == 4
        assert taken(clip.path) == [(video.path, clip.start, clip.end, 0, 4, None)]
        shown = _frames(path)
        assert len(shown) == 4 * RATE
        wanted = np.arange(clip.start * RATE, clip.end * RATE)
        assert np.abs(np.array(shown) - wanted).max() <= 5  # one step of luma
        for second, tone in _tones(path).items():
            assert tone == pytest.approx(300 + 20 * (clip.start + second), abs=4)
        assert clip.reason
        assert clip.cost is not None
        assert clip.cost.bytes_out == clip.size
        assert faststart(path)


def test_clips_made_before_are_found(bench: Workbench, video: Video) -> None:
    first = clip_generate(bench, str(video.id), count=2, length=3)
    again = clip_generate(bench, str(video.id), count=2, length=3)
    assert [clip.path for clip in again.clips] == [clip.path for clip in first.clips]
    assert all(clip.reused for clip in again.clips)


def test_a_short_video_gives_what_it_has(bench: Workbench, video: Video) -> None:
    assert 2 <= len(clip_generate(bench, str(video.id), count=9, length=12).clips) <= 3
    (whole,) = clip_generate(bench, str(video.id), count=4, length=60).clips
    assert (whole.start, whole.end) == (0, SECONDS)


def test_of_a_video_no_longer_than_its_highlights_there_are_none(bench: Workbench, video: Video) -> None:
    result = highlight_generate(bench, str(video.id), length=SECONDS)
    assert (result.path, result.moments) == (video.path, ())
    assert "ask for less" in (result.skipped or "")
    assert result.result_card().title == f"{video.path} was left as it is: {result.skipped}"
    assert not list(bench.root.folder("highlights").iterdir())


@pytest.mark.parametrize(("count", "length"), [(0, 5), (3, 0), (3, float("inf"))])
def test_clips_that_cannot_be(bench: Workbench, video: Video, count: int, length: float) -> None:
    with refused(WrongParameter, parameter="count" if count < 1 else "length"):
        clip_generate(bench, str(video.id), count=count, length=length)


def test_highlights_are_as_long_as_asked_and_fade(bench: Workbench, video: Video) -> None:
    result = highlight_generate(bench, str(video.id), length=12)
    path = bench.root.path / result.path
    report = check_whole(path)
    assert report.clean
    assert report.frames == pytest.approx(12 * RATE, abs=len(result.moments))
    assert len(result.moments) >= 2
    rows = taken(result.path)
    assert [(row.source_start, row.source_end) for row in rows] == [(one.start, one.end) for one in result.moments]
    for before, after in pairwise(rows):
        assert (before.ends_at or 0) - (after.starts_at or 0) == pytest.approx(round(FADE * RATE / 2) * 2 / RATE)
    shown = np.array(_frames(path))
    at = 0
    fade = round(FADE * RATE / 2) * 2
    for number, moment in enumerate(result.moments):
        length = round((moment.end - moment.start) * RATE)
        lead = 0 if number == 0 else fade
        tail = 0 if number == len(result.moments) - 1 else fade
        wanted = np.arange(length) + moment.start * RATE
        clear = slice(lead, length - tail)
        assert np.abs(shown[at : at + length][clear] - wanted[clear]).max() <= 5
        at += length - tail
    assert at == len(shown)


def test_highlights_are_levelled_and_their_sound_goes_with_them(bench: Workbench, video: Video) -> None:
    result = highlight_generate(bench, str(video.id), length=10)
    path = bench.root.path / result.path
    assert integrated_loudness(path) == pytest.approx(-16, abs=1)
    first = result.moments[0]
    tones = _tones(path)
    for second in range(int(first.end - first.start) - 1):
        assert tones[second] == pytest.approx(300 + 20 * (first.start + second), abs=4)


def test_half_a_fade_is_lent_to_each_neighbour_and_the_whole_stays_as_long() -> None:
    segments = [Segment(Fraction(a), Fraction(b), 1.0, "") for a, b in ((0, 4), (10, 14), (20, 26))]
    spans, fades = overlapped(segments, Fraction(RATE))
    assert fades == [12, 12]
    assert spans == [
        (Fraction(0), Fraction(106, 25)), (Fraction(244, 25), Fraction(356, 25)), (Fraction(494, 25), Fraction(26))
    ]  # fmt: skip
    assert sum(end - start for start, end in spans) - Fraction(sum(fades), RATE) == 14


def test_moments_too_short_to_fade_fade_less() -> None:
    segments = [Segment(Fraction(a), Fraction(b), 1.0, "") for a, b in ((0, 4), (Fraction(9, 2), Fraction(47, 10)))]
    _, fades = overlapped(segments, Fraction(RATE))
    assert fades == [2]
