"""Do frames follow one another as in the source? Judged by their rasters alone (pure)."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Final

import numpy as np
from numpy.typing import NDArray

from reelmill.ffmpeg.reading.frames.raster import Raster

#: A frame that is so much nearer (mean square) to another of the source's than to its own stands in the wrong place.
#: Coding leaves a frame nearest to its own, and a still one as near to those beside it.
_NEARER: Final = 0.4
#: How far the source's two frames are apart at least, in mean square of brightness, and in terms of what coding leaves
#: frames apart from those they show: where less moves, coding decides. An encoder short of bits repeats what hardly
#: moves.
_MOVED: Final = 0.003**2
_ABOVE_NOISE: Final = 3.0
#: So many frames must be misplaced, and so large a share of those that can be distinguished.
_LEAST: Final = 2
_SHARE: Final = 0.25
#: A frame that need not be one of some is one where it is no more times as far from the nearest as most are; so many
#: frames can have an order.
_SHOWN: Final = 2.0
_FEWEST: Final = 3
#: So many frames that can be distinguished, and such a share of them late by the same, make a copy late.
_ENOUGH: Final = 5
_SURE: Final = 0.6


def coding_noise(runs: Sequence[tuple[Sequence[Raster], Sequence[Raster]]]) -> float:
    """How far a copy's frames usually are from those of its source that they are nearest to.

    Args:
        runs: frames of the source that follow one another, and the copy's at the same moments.

    Returns:
        Mean square of brightness.
    """
    nearest = [_apart(got, wanted).min(axis=1) for wanted, got in runs]
    return float(np.median(np.concatenate(nearest))) if nearest else 0.0


def misplaced(wanted: Sequence[Raster], got: Sequence[Raster], slips: int = 0, noise: float = 0.0) -> bool:
    """Whether a copy repeats frames, or shows them in another order.

    Args:
        wanted: frames of the source, one after another.
        got: the copy's at the same moments.
        noise: as of ``coding_noise``.
        slips: how often it may be a frame later or earlier from then on.

    Returns:
        True only where that is certain; a copy that is late by the same throughout is not.
    """
    shifts = [shift or 0 for shift in _shifts(wanted, got, noise)]
    usual = int(np.median(shifts)) if shifts else 0
    odd = sum(shift != usual for shift in shifts)
    changes = sum(before != after for before, after in pairwise(shifts))
    return odd >= _LEAST and odd >= _SHARE * len(shifts) and changes > slips


def frames_late(wanted: Sequence[Raster], got: Sequence[Raster], noise: float = 0.0) -> int | None:
    """By how many frames a copy is late, or early, throughout.

    Args:
        wanted: frames of the source, one after another.
        got: the copy's at the same moments.
        noise: as of ``coding_noise``.

    Returns:
        Frames, below zero where it is early; None where that is not certain, as where nothing moves.
    """
    shifts = _shifts(wanted, got, noise)
    known = [shift for shift in shifts if shift is not None]
    if len(shifts) < _ENOUGH or not known:
        return None
    usual = int(np.median(known))
    return -usual if known.count(usual) >= _SURE * len(shifts) else None


def out_of_order(wanted: Sequence[Raster], got: Sequence[Raster]) -> bool:
    """Whether frames of a copy that need not show each of its source's go back in it.

    Args:
        wanted: frames of the source, one after another.
        got: those that the copy shows meanwhile, one after another.

    Returns:
        True only where that is certain.
    """
    if not wanted or len(got) < _FEWEST:
        return False
    apart = _apart(got, wanted)
    nearest = apart.min(axis=1)
    apart = apart[nearest <= _SHOWN * np.quantile(nearest, 1 / 4) + _MOVED]  # others are of before and after
    if len(apart) < _FEWEST:
        return False
    # What repeats itself looks before and after as it does meanwhile: the first and the last shown may be of then.
    cuts = [apart[first : len(apart) - last] for first in (0, 1) for last in (0, 1)]
    return all(_goes_back(cut) for cut in cuts if len(cut) >= _FEWEST)


def _goes_back(apart: NDArray[np.float64]) -> bool:
    # What is left between both where each frame may only be as late as the one before it, or later.
    left = apart[0]
    for distances in apart[1:]:
        left = np.minimum.accumulate(left) + distances
    forward, free = float(left.min()) / len(apart), float(apart.min(axis=1).mean())
    return forward > _MOVED and free < _NEARER * forward


def _shifts(wanted: Sequence[Raster], got: Sequence[Raster], noise: float) -> list[int | None]:
    """Which of the source's frames each of a copy shows, counted from its own; still ones are left out.

    Returns:
        None for one that is nearly as near to another as to its own, so that it may be either.
    """
    apart, moved = _apart(got, wanted), _apart(wanted, wanted)
    least = max(_MOVED, _ABOVE_NOISE * noise)
    shifts = list[int | None]()
    for number, distances in enumerate(apart):
        if moved[number].max() <= least:
            continue
        nearest = int(distances.argmin())
        own, others = distances[number], np.delete(distances, number)
        if moved[number, nearest] > least and distances[nearest] < _NEARER * own:
            shifts.append(nearest - number)
        else:
            shifts.append(0 if own < _NEARER * others.min() else None)
    return shifts


def _apart(some: Sequence[Raster], others: Sequence[Raster]) -> NDArray[np.float64]:
    """Mean square by which each of some frames is off from each of others, but for how bright they are as a whole."""
    # An encoder short of bits shows a fade by a level or two early or late, where nothing moves.
    one, other = (
        np.stack([frame.planes[0].ravel() for frame in frames], dtype=np.float64) for frames in (some, others)
    )
    one, other = (planes - planes.mean(axis=1, keepdims=True) for planes in (one, other))
    apart: NDArray[np.float64] = np.square(one[:, None] - other[None]).mean(axis=2)
    return apart
