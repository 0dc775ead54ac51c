"""Choosing windows of time that are good and do not repeat each other: pure, and the same for the same input.

Maximal marginal relevance (Carbonell and Goldstein, "The use of MMR, diversity-based reranking", SIGIR 1998): again and
again the window is chosen whose worth, less what it repeats of those chosen, is the greatest.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from fractions import Fraction
from typing import Final

import numpy as np
from numpy.typing import NDArray

from reelmill.analysis.scoring.signals import Floats

#: Mean distance of colours (0 to 1) from which on two frames have nothing in common.
_UNLIKE: Final = 0.05
#: What is left of the worth of a window that looks exactly like one chosen.
_LIKE_LEFT: Final = 0.5
#: What is left of the worth of a window next to one chosen; it is whole from ``_AWAY`` of the video on.
_NEAR_LEFT: Final = 0.8
_AWAY: Final = 0.15

Window = tuple[Fraction, Fraction]  # seconds, from the first up to, not including, the second


def seconds_of(window: Window, count: int) -> slice:
    """Which of ``count`` samples, one at each second, lie in a window; the one on show where none does."""
    first, end = (min(count, math.ceil(bound)) for bound in window)
    return slice(first, end) if first < end else slice(min(count - 1, math.floor(window[0])), first or 1)


def choose_varied(
    windows: Sequence[Window], worth: Floats, looks: Floats | None, seconds: int
) -> Iterator[tuple[Window, bool]]:
    """Choose windows that do not overlap, the next best one each time.

    Args:
        windows: to choose from.
        worth: of each, shape (windows,), none negative.
        looks: the frame of each second, shape (seconds, values), each 0 to 1; None: nothing is alike.
        seconds: of the video.

    Yields:
        Each window, and whether a better one was passed over as too much alike.
    """
    bounds = np.array(windows, np.float64).reshape(-1, 2)
    faces = None if looks is None else np.stack([looks[seconds_of(one, len(looks))].mean(axis=0) for one in windows])
    fresh, apart = np.ones(len(bounds)), np.ones(len(bounds))  # what is left of each window's worth
    free = np.ones(len(bounds), bool)
    while free.any():
        value = np.where(free, worth * fresh * apart, -1.0)
        chosen = int(value.argmax())  # the first of equals
        first, end = bounds[chosen]
        yield windows[chosen], bool((worth[free] > worth[chosen]).any())
        free &= (bounds[:, 1] <= first) | (bounds[:, 0] >= end)
        away = np.maximum(bounds[:, 0] - end, first - bounds[:, 1]) / max(1, seconds)
        new = np.ones(len(bounds)) if faces is None else np.abs(faces - faces[chosen]).mean(axis=1) / _UNLIKE
        fresh = np.minimum(fresh, _rising(new, _LIKE_LEFT))
        # One that meets it and shows something new makes it longer; that is no second window beside it.
        apart = np.minimum(apart, np.where((away == 0) & (new >= 1), 1.0, _rising(away / _AWAY, _NEAR_LEFT)))


def _rising(share: NDArray[np.floating], least: float) -> NDArray[np.floating]:
    """From ``least`` at 0 to 1 at 1."""
    return np.asarray(least + (1 - least) * np.clip(share, 0, 1))
