"""Hard cuts: where one frame and the next have nothing to do with each other. Pure, over thumbnails of luma.

How much two frames differ is the mean difference of luma, weighted by how little their shapes (correlation) and
their brightnesses (histogram) agree: a camera move changes many pixels, yet neither much. A cut differs far more than
the frames around it do, which motion does not; and what was there before does not come back, as after a flash.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

Luma = NDArray[np.float32]

#: How many frames on either side define what is usual here.
AROUND: Final = 8
#: For how many frames a flash may last.
FLASH: Final = 6
#: What a cut must differ by at least, and by how many times the mean of the frames around.
_LEAST: Final = 8.0
_TIMES: Final = 3.0
_ABOVE: Final = 2.0
#: A difference below this share of the cut's own: the frame of before is back.
_BACK: Final = 0.25
_BINS: Final = 32
_GRAIN: Final = 2.0  # deviation of luma that noise alone gives an even frame


def cuts(luma: Luma) -> list[int]:
    """The numbers of the frames that begin a new scene.

    Args:
        luma: of every frame, shape (frames, pixels), 0 to 255.

    Returns:
        In ascending order.
    """
    if len(luma) < 2:
        return []
    change = changes(luma)
    found = []
    for at in np.flatnonzero(change >= _LEAST):
        near = change[max(0, at - AROUND) : at + AROUND + 1]
        usual = (float(near.sum()) - float(change[at])) / max(1, len(near) - 1)
        peak = change[at] >= change[max(0, at - 2) : at + 3].max()
        if peak and change[at] >= _TIMES * usual + _ABOVE and not _flash(luma, int(at), float(change[at])):
            found.append(int(at) + 1)
    return found


def changes(luma: Luma) -> NDArray[np.float64]:
    """How much each frame differs from the one before, shape (frames - 1,)."""
    count, pixels = luma.shape
    moved = np.abs(np.diff(luma, axis=0)).mean(axis=1)
    shape = luma - luma.mean(axis=1, keepdims=True)
    spread = np.sqrt(np.square(shape).mean(axis=1)) + _GRAIN
    alike = (shape[1:] * shape[:-1]).mean(axis=1) / (spread[1:] * spread[:-1])
    bins = (luma.astype(np.int64) * _BINS) // 256 + _BINS * np.arange(count)[:, None]
    histograms = np.bincount(bins.ravel(), minlength=_BINS * count).reshape(count, _BINS) / pixels
    brightness = np.abs(np.diff(histograms, axis=0)).sum(axis=1) / 2
    return np.asarray(moved * (0.3 + (1 - alike) + brightness), np.float64)


def _flash(luma: Luma, at: int, change: float) -> bool:
    """Whether a frame soon after is that of before, or one shortly before is that of after."""
    before, after = luma[at], luma[at + 1]
    later = luma[at + 2 : at + FLASH + 1]
    earlier = luma[max(0, at - FLASH + 1) : at]
    return any(_difference(before, one) < _BACK * change for one in later) or any(
        _difference(one, after) < _BACK * change for one in earlier
    )


def _difference(one: Luma, other: Luma) -> float:
    first, second = one - one.mean(), other - other.mean()
    spread = (float(first.std()) + _GRAIN) * (float(second.std()) + _GRAIN)
    alike = float((first * second).mean()) / spread
    return float(np.abs(one - other).mean()) * (0.3 + 1 - alike)
