from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from reelmill.ffmpeg.commands import gif
from reelmill.ffmpeg.commands.gif import GifSegment, Step
from reelmill.ffmpeg.reading.seeking import SeekPoint
from tests.ffmpeg.golden import info, readable

_GOLDEN = Path(__file__).parent / "golden_gif"
_SOURCE, _COLOURS, _TARGET = Path("/in put/-a:b.mkv"), Path("/100%d/palette.png"), Path("/100%d/film.gif")
_START = GifSegment(_SOURCE, info(), Fraction(0), Fraction(2), SeekPoint(Fraction(0)))
_INSIDE = GifSegment(_SOURCE, info(), Fraction(7, 2), Fraction(5, 3), SeekPoint(Fraction(2)))
_STEP = Step(480, 270, 12)

_COMMANDS = {
    "palette": gif.palette(_START, _STEP, _COLOURS),
    "film": gif.film(_INSIDE, _STEP, _COLOURS, _TARGET, stop=24_000_000),
    "film_hdr": gif.film(replace(_START, info=info(transfer=16)), Step(161, 91, 50), _COLOURS, _TARGET, stop=1),
    "film_hdr_interlaced": gif.film(
        replace(_START, info=info(transfer=18, interlaced=True, index=1)), _STEP, _COLOURS, _TARGET, stop=1
    ),
}


@pytest.mark.parametrize("name", sorted(_COMMANDS))
def test_golden(name: str) -> None:
    assert readable(_COMMANDS[name]) == (_GOLDEN / f"{name}.txt").read_text(encoding="utf-8")


def test_every_golden_is_a_commands() -> None:
    assert {path.stem for path in _GOLDEN.iterdir()} == set(_COMMANDS)


@pytest.mark.parametrize(
    ("length", "fps", "frames"),
    [(Fraction(5), 12, 60), (Fraction(1, 3), 10, 3), (Fraction(1, 1000), 1, 1), (Fraction(60), 50, 3000)],
)
def test_frames(length: Fraction, fps: int, frames: int) -> None:
    assert GifSegment(_SOURCE, info(), Fraction(0), length, SeekPoint(Fraction(0))).frames(fps) == frames


@pytest.mark.parametrize(
    ("track", "width", "first"),
    [
        ({}, 480, Step(480, 270, 12)),
        ({}, 1920, Step(640, 360, 12)),  # never wider than the video
        ({"rotation": 90}, 480, Step(360, 640, 12)),
        ({"width": 720, "height": 576, "sample_aspect": Fraction(16, 15)}, 1920, Step(768, 576, 12)),
        ({"width": 4000, "height": 10}, 160, Step(160, 1, 12)),
        ({"width": 1, "height": 1}, 480, Step(1, 1, 12)),
    ],
)
def test_the_first_step_is_what_was_asked_for(track: dict[str, Any], width: int, first: Step) -> None:
    assert gif.ladder(info(**track), width, 12)[0] == first


@pytest.mark.parametrize(("width", "fps"), [(480, 12), (16, 1), (17, 2), (20, 50), (640, 3), (640, 50), (1, 50)])
def test_a_ladder_goes_down(width: int, fps: int) -> None:
    steps = gif.ladder(info(), width, fps)
    weights = [step.weight for step in steps]
    assert weights == sorted(weights, reverse=True)
    assert len(set(steps)) == len(steps)
    assert all(step.width >= min(width, 16) and step.fps >= min(fps, 3) for step in steps)
    assert all(abs(step.height - step.width * 360 / 640) <= 0.5 or step.height == 1 for step in steps)


def test_prediction() -> None:
    """By what was measured: half the width is 3.6 times less, half the rate 1.7 times."""
    steps = gif.ladder(info(), 480, 12)
    assert steps[0].weight / Step(240, 135, 12).weight == pytest.approx(3.6, abs=0.05)
    assert steps[0].weight / Step(480, 270, 6).weight == pytest.approx(1.68, abs=0.05)
    assert gif.smaller(steps, steps[0], 1_000_001, 1_000_000) == Step(432, 243, 12)
    assert gif.smaller(steps, steps[0], 2_000_000, 1_000_000) == Step(336, 189, 10)
    assert gif.smaller(steps, steps[0], 10_000_000_000, 1_000_000) == steps[-1]
    assert gif.smaller(steps, steps[3], 2_000_000, 1_000_000) in steps[4:]
    assert gif.smaller(steps, steps[-1], 1_000_001, 1_000_000) is None
