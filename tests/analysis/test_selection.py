"""What every digest must be, whatever the video: found by trying many."""

from __future__ import annotations

import itertools
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reelmill.analysis.scenes.transitions import Scene
from reelmill.analysis.scoring.selection import (
    MOST,
    SHORTEST,
    ScoredVideo,
    Segment,
    best_moments,
    best_segments,
    even_segments,
)


def _scenes(*bounds: float | Fraction) -> list[Scene]:
    return [Scene(Fraction(first), Fraction(end)) for first, end in itertools.pairwise(bounds)]


@st.composite
def _videos(draw: st.DrawFn) -> tuple[list[Scene], np.ndarray[tuple[int], np.dtype[np.float32]], Fraction, Fraction]:
    hundredths = draw(st.integers(10, 30_000))
    duration = Fraction(hundredths, 100)
    seconds = -(-hundredths // 100)
    cuts = sorted(draw(st.sets(st.integers(1, hundredths - 1), max_size=20)))
    scenes = _scenes(*(Fraction(cut, 100) for cut in (0, *cuts, hundredths)))
    scores = np.random.default_rng(draw(st.integers(0, 99))).random(seconds, np.float32)
    target = Fraction(draw(st.integers(1, 12_000)), 100)
    return scenes, scores, duration, target


def _check(segments: list[Segment], duration: Fraction, target: Fraction) -> None:
    assert sum(segment.length for segment in segments) == min(target, duration)
    assert all(segment.length > 0 and segment.reason for segment in segments)
    assert segments[0].start >= 0
    assert segments[-1].end <= duration
    for before, after in itertools.pairwise(segments):
        assert before.end < after.start, "in story order, none overlapping, none that meet"


@settings(max_examples=300)
@given(_videos())
def test_the_best_fill_the_budget_exactly(
    video: tuple[list[Scene], np.ndarray[tuple[int], np.dtype[np.float32]], Fraction, Fraction],
) -> None:
    scenes, scores, duration, target = video
    segments = best_segments(ScoredVideo(scenes, scores, duration, lambda first, end: f"{first} to {end}"), target)
    _check(segments, duration, target)
    assert segments == best_segments(
        ScoredVideo(scenes, scores, duration, lambda first, end: f"{first} to {end}"), target
    )


@settings(max_examples=300)
@given(_videos())
def test_the_even_spread_fills_the_budget_exactly(
    video: tuple[list[Scene], np.ndarray[tuple[int], np.dtype[np.float32]], Fraction, Fraction],
) -> None:
    scenes, scores, duration, target = video
    _check(even_segments(ScoredVideo(scenes, scores, duration, lambda *_: "good"), target), duration, target)


@settings(max_examples=300)
@given(_videos())
def test_the_best_are_long_enough_to_see(
    video: tuple[list[Scene], np.ndarray[tuple[int], np.dtype[np.float32]], Fraction, Fraction],
) -> None:
    scenes, scores, duration, target = video
    for segment in best_segments(ScoredVideo(scenes, scores, duration, lambda *_: "good"), target):
        assert segment.length >= min(Fraction(SHORTEST), target, duration)


def test_quick_cuts_make_no_slivers() -> None:
    seconds = np.random.default_rng(3).random(120, np.float32)
    scenes = _scenes(*range(121))
    segments = best_segments(ScoredVideo(scenes, seconds, Fraction(120), lambda *_: "good"), Fraction(30))
    assert min(segment.length for segment in segments) >= 2
    assert sum(segment.length for segment in segments) == 30


def test_a_segment_ends_with_its_scene_where_it_can() -> None:
    segments = best_segments(
        ScoredVideo(
            _scenes(0, 9.5, 40), np.r_[np.ones(10), np.zeros(30)].astype(np.float32), Fraction(40), lambda *_: "good"
        ),
        Fraction(4),
    )
    assert all(segment.end <= Fraction(19, 2) for segment in segments)


def test_a_long_digest_has_longer_segments_rather_than_hundreds() -> None:
    scores = np.random.default_rng(5).random(36_000, np.float32)
    scenes = _scenes(*range(0, 36_001, 20))
    for segments in (
        best_segments(ScoredVideo(scenes, scores, Fraction(36_000), lambda *_: "good"), Fraction(3600)),
        even_segments(ScoredVideo(scenes, scores, Fraction(36_000), lambda *_: "good"), Fraction(3600)),
    ):
        assert len(segments) <= 2 * MOST
        assert sum(segment.length for segment in segments) == 3600


def test_the_best_are_the_best() -> None:
    scores = np.zeros(100, np.float32)
    scores[[20, 21, 22, 60, 61, 62]] = 1
    segments = best_segments(ScoredVideo(_scenes(0, 100), scores, Fraction(100), lambda *_: "good"), Fraction(6))
    covered = {second for s in segments for second in range(int(s.start), int(s.end))}
    assert {20, 21, 60, 61} <= covered


def test_an_even_spread_reaches_every_tenth_of_the_video() -> None:
    scenes = _scenes(*range(0, 101, 10))
    segments = even_segments(
        ScoredVideo(scenes, np.zeros(100, np.float32), Fraction(100), lambda *_: "good"), Fraction(20)
    )
    assert [int(s.start) // 10 for s in segments] == list(range(10))


@pytest.mark.parametrize("target", [60, 61, 3600])
def test_a_video_no_longer_than_the_digest_is_taken_whole(target: int) -> None:
    (only,) = best_segments(
        ScoredVideo(_scenes(0, 60), np.ones(60, np.float32), Fraction(60), lambda *_: ""), Fraction(target)
    )
    assert [only.start, only.end] == [Fraction(0), Fraction(60)]


def test_a_moment_begins_with_its_scene_to_the_frame() -> None:
    scores = np.zeros(40, np.float32)
    scores[13:20] = 1
    (only,) = best_moments(ScoredVideo(_scenes(0, 12.36, 40), scores, Fraction(40), lambda *_: "good"), 1, Fraction(5))
    assert (only.start, only.end) == (Fraction(12.36), Fraction(12.36) + 5)
