"""Frames in another order than their source's: found where it is certain, and nowhere else."""

from __future__ import annotations

import numpy as np
import pytest

from reelmill.ffmpeg.reading.frames.raster import SIDE, Raster
from reelmill.ffmpeg.verify.matches.order_match import frames_late, out_of_order

_RUN = 8


def _turned(place: float, period: float) -> Raster:
    """A spoke that turns once in so many frames."""
    rows, columns = np.mgrid[:SIDE, :SIDE] - (SIDE - 1) / 2
    spoke = np.cos(np.arctan2(rows, columns) - 2 * np.pi * place / period)
    planes = np.stack([0.5 + 0.4 * spoke, np.zeros_like(spoke), np.zeros_like(spoke)])
    return Raster(planes.astype(np.float16).tobytes())


@pytest.mark.parametrize("rate", [0.48, 1.0, 1.2], ids=["half as many", "each", "more"])
@pytest.mark.parametrize("period", [2, 3, 4, 5, 6, 8, 9])
def test_what_turns_is_in_order(period: int, rate: float) -> None:
    wanted = [_turned(place, period) for place in range(_RUN)]
    shown = np.arange(-1, int(_RUN * rate) + 1) / rate  # with the frame before, and the one after
    assert not out_of_order(wanted, [_turned(place, period) for place in np.floor(shown)])


@pytest.mark.parametrize("period", [20, 40])
def test_what_goes_back_is_not(period: int) -> None:
    wanted = [_turned(place, period) for place in range(_RUN)]
    assert out_of_order(wanted, [_turned(place, period) for place in (-1, 2, 1, 0, 5, 4, 3, 8)])
    assert not out_of_order(wanted, [_turned(place, period) for place in range(-1, 9)])


@pytest.mark.parametrize(("late", "found"), [(0.0, 0), (1.0, 1), (2.0, 2), (-1.0, -1), (0.5, None), (0.45, None)])
def test_what_is_as_near_to_the_next_frame_is_no_sign_of_being_in_place(late: float, found: int | None) -> None:
    """A third that is in place speaks against two that are late by one; one of which nobody can tell does not."""
    wanted = [_turned(0.1 * number, 6.0) for number in range(8)]
    got = [_turned(0.1 * (number - late), 6.0) for number in range(8)]
    assert frames_late(wanted, got) == found
