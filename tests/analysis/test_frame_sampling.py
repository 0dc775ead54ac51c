from __future__ import annotations

from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import numpy as np

from reelmill.analysis.frames.frame_sampling import MOST, sample_frames, sample_intervals
from reelmill.ffmpeg.reading.probe import probe
from tests.clips import clip, cut_off, ffmpeg


def test_intervals_cover_a_video_evenly_and_are_never_too_many() -> None:
    for seconds in (Fraction(1, 25), 3, Fraction(601, 7), 7200):
        found = sample_intervals(Fraction(seconds), [Fraction(number) for number in range(0, 7200, 3)])
        assert found[0].start == 0
        assert found[-1].end == seconds
        assert all(one.end == other.start for one, other in pairwise(found))
        assert len({interval.end - interval.start for interval in found}) == 1
        assert len(found) <= MOST
    found = sample_intervals(Fraction(6), [Fraction(0), Fraction(1, 2), Fraction(5)])
    assert [interval.keyframe for interval in found] == [Fraction(1, 2), None, Fraction(5)]


def test_frames_are_of_their_interval_upright_and_of_the_size_asked_for(tmp_path: Path) -> None:
    """Four seconds of red, then four of blue, both with one keyframe only at their start."""
    path = tmp_path / "a.mp4"
    ffmpeg("-f", "lavfi", "-i", "color=red:s=90x160:r=25:d=4", "-f", "lavfi", "-i", "color=blue:s=90x160:r=25:d=4",
           "-filter_complex", "concat", "-c:v", "libx264", "-g", "100", path)  # fmt: skip
    found = list(sample_frames(path, probe(path).video, Fraction(8), 32))
    assert [int(sample.time // 2) for sample in found] == [0, 1, 2, 3]
    assert {sample.pixels.shape for sample in found} == {(57, 32, 3)}
    strongest = [int(np.argmax(sample.pixels.mean(axis=(0, 1)))) for sample in found]
    assert strongest == [2, 2, 0, 0]  # BGR


def test_what_does_not_decode_is_passed_over(tmp_path: Path) -> None:
    whole = clip(tmp_path / "whole.mkv", seconds=8, sound=0)
    torn = cut_off(whole, tmp_path / "torn.mkv", keep=0.5)
    found = list(sample_frames(torn, probe(whole).video, Fraction(8), 32))
    assert 1 <= len(found) <= 3
    assert max(sample.time for sample in found) < 5


def test_a_frame_that_comes_later_stands_for_no_earlier_interval(tmp_path: Path) -> None:
    """Audio from 0 on, frames from 5 s on."""
    path = tmp_path / "late.mkv"
    ffmpeg("-f", "lavfi", "-i", "sine=d=8", "-itsoffset", "5", "-f", "lavfi", "-i", "testsrc2=s=160x120:r=25:d=3",
           "-map", "0:a", "-map", "1:v", "-c:v", "libx264", path)  # fmt: skip
    found = list(sample_frames(path, probe(path).video, Fraction(8), 32))
    assert [int(sample.time) for sample in found] == [5, 7]
