"""What every storyboard must be, whatever the video."""

from __future__ import annotations

import itertools
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reelmill.analysis.storyboard_layout import Cue, interval, place_of, plan, tile_size, webvtt

_times = st.builds(Fraction, st.integers(0, 4_000_000), st.just(1000))


@settings(max_examples=200)
@given(st.builds(Fraction, st.integers(1, 4_000_000), st.just(1000)), st.lists(_times, max_size=60).map(sorted))
def test_tiles_cover_the_video_and_their_keyframes_lie_inside(duration: Fraction, keyframes: list[Fraction]) -> None:
    tiles = plan(duration, keyframes)
    assert tiles[0].start == 0
    assert tiles[-1].end == duration
    step = interval(duration, keyframes)
    assert 2 <= step <= 10
    for before, after in itertools.pairwise(tiles):
        assert before.end == after.start == before.start + step
    for tile in tiles:
        inside = [time for time in keyframes if tile.start <= time < tile.end]
        assert (tile.keyframe in inside) if inside else tile.keyframe is None
        if tile.keyframe is not None:
            assert abs(tile.keyframe - tile.middle) <= Fraction(step, 2)


@pytest.mark.parametrize(
    ("duration", "gap", "seconds"),
    [
        (60, 1, 2),  # as short as may be
        (60, 10, 2),  # too short a video to make tiles rare for the sake of speed
        (300, 2, 3),  # one sheet
        (300, 10, 10),  # where keyframes serve
        (300, 8, 8),
        (300, 300, 3),  # they never do
        (7200, 2, 10),  # many sheets
    ],
)
def test_the_interval(duration: int, gap: int, seconds: int) -> None:
    assert interval(Fraction(duration), [Fraction(time) for time in range(0, duration, gap)]) == seconds


@pytest.mark.parametrize(
    ("shown", "size"),
    [((1920, 1080), (160, 90)), ((1080, 1920), (160, 284)), ((161, 121), (160, 120)), ((1, 1), (160, 160)),
     ((1, 1000), (1, 320)), ((4000, 1), (160, 1))],
)  # fmt: skip
def test_tiles_keep_proportions(shown: tuple[int, int], size: tuple[int, int]) -> None:
    assert tile_size(*shown) == size


def test_places_and_the_file() -> None:
    assert [place_of(number, (160, 90))[:2] for number in (0, 9, 10, 99)] == [(0, 0), (1440, 0), (0, 90), (1440, 810)]
    text = webvtt([Cue(Fraction(0), Fraction(2), "a.jpg", (0, 0, 160, 90)),
                   Cue(Fraction(2), Fraction(36615, 10), "a.jpg", (160, 0, 160, 90))], "made")  # fmt: skip
    assert text == (
        "WEBVTT\n\nNOTE made\n\n00:00:00.000 --> 00:00:02.000\na.jpg#xywh=0,0,160,90\n\n"
        "00:00:02.000 --> 01:01:01.500\na.jpg#xywh=160,0,160,90\n"
    )
