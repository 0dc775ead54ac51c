"""Do frames follow one another as in the source? Judged by their rasters alone (pure)."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Final

import numpy as np

from reelmill.ffmpeg.reading.frames.raster import Raster

#: A frame that is so much nearer (mean square) to another of the source's than to its own stands in the wrong place.
#: Coding leaves a frame nearest to its own, and a still one as near to those beside it.
_NEARER: Final = 0.4
#: How far the source's two frames are apart at least, in mean square of brightness: where less moves, coding decides.
_MOVED: Final = 0.003**2
#: So many frames must be misplaced, and so large a share of those that can be distinguished.
_LEAST: Final = 2
_SHARE: Final = 0.25
#: So many frames that can be distinguished, and such a share of them late by the same, make a copy late.
_ENOUGH: Final = 5
_SURE: Final = 0.6


def misplaced(wanted: Sequence[Raster], got: Sequence[Raster], slips: int = 0) -> bool:
    """Whether a copy repeats frames, or shows them in another order.

    Args:
        wanted: frames of the source, one after another.
        got: the copy's at the same moments.
        slips: how often it may be a frame later or earlier from then on.

    Returns:
        True only where that is certain; a copy that is late by the same throughout is not.
    """
    shifts = _shifts(wanted, got)
    usual = int(np.median(shifts)) if shifts else 0
    odd = sum(shift != usual for shift in shifts)
    changes = sum(before != after for before, after in pairwise(shifts))
    return odd >= _LEAST and odd >= _SHARE * len(shifts) and changes > slips


def frames_late(wanted: Sequence[Raster], got: Sequence[Raster]) -> int:
    """By how many frames a copy is late, or early, throughout.

    Args:
        wanted: frames of the source, one after another.
        got: the copy's at the same moments.

    Returns:
        Frames, below zero where it is early; 0 where that is not certain, or no more than one.
    """
    shifts = _shifts(wanted, got)
    usual = int(np.median(shifts)) if len(shifts) >= _ENOUGH else 0
    sure = abs(usual) > 1 and shifts.count(usual) >= _SURE * len(shifts)
    return -usual if sure else 0


def _shifts(wanted: Sequence[Raster], got: Sequence[Raster]) -> list[int]:
    """Which of the source's frames each of a copy is nearest to, counted from its own; those of still ones left out."""
    was, now = (np.stack([frame.planes[0].ravel() for frame in frames]).astype(np.float64) for frames in (wanted, got))
    apart = np.square(now[:, None] - was[None]).mean(axis=2)  # of each of the copy's from each of the source's
    moved = np.square(was[:, None] - was[None]).mean(axis=2)
    shifts = []
    for number, distances in enumerate(apart):
        nearest = int(distances.argmin())
        clear = moved[number].max() > _MOVED
        wrong = moved[number, nearest] > _MOVED and distances[nearest] < _NEARER * distances[number]
        if clear:
            shifts.append(nearest - number if wrong else 0)
    return shifts
