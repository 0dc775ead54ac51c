"""How much of a frame is noise: detail that neither the frame before nor the one after has anywhere near (pure).

An encoder has to spend all bits of such detail anew in every frame; where they are not there, it is what is lost first.
Measured in the windows that have contrast: 0.9 to 1 of snow, 0.02 or less of 40 real clips.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from reelmill.ffmpeg.reading.frames.raster import Planes
from reelmill.ffmpeg.verify.matches.detail_match import VARIANCE, windows

#: How far a frame's detail may have moved from the one beside it, in cells: 2 % of a frame's side.
_MOVED: Final = 3
#: Correlation that the best place has by chance: 0.5 at most where a window of noise is tried at 49 places.
_CHANCE: Final = 0.6


def share_of_noise(frame: Planes, beside: Sequence[Planes]) -> float:
    """Which share of a frame's detail is noise.

    Args:
        frame: brightness, 0 to 1.
        beside: that of the frames before and after it; none are no sign of anything.

    Returns:
        0 to 1, of the windows that have contrast.
    """
    one = frame.astype(np.float64)
    mean = windows(one)
    power = windows(one * one) - mean**2
    detailed = power > VARIANCE
    if not beside or not detailed.any():
        return 0.0
    alike = np.max([_best_alike(one, mean, power, other.astype(np.float64)) for other in beside], axis=0)
    return float((alike[detailed] < _CHANCE).mean())


def _best_alike(
    one: NDArray[np.float64], mean: NDArray[Any], power: NDArray[Any], other: NDArray[np.float64]
) -> NDArray[Any]:
    """How alike each window is to what is about there in another frame, at best (Pearson's correlation)."""
    padded = np.pad(other, _MOVED, mode="edge")
    rows, columns = one.shape
    best = np.full(mean.shape, -1.0)
    for down in range(2 * _MOVED + 1):
        for across in range(2 * _MOVED + 1):
            moved = padded[down : down + rows, across : across + columns]
            its_mean = windows(moved)
            its_power = windows(moved * moved) - its_mean**2
            shared = windows(one * moved) - mean * its_mean
            best = np.maximum(best, shared / np.sqrt(np.maximum(power * its_power, 1e-12)))
    return best
