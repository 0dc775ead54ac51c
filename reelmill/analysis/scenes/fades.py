"""Cross-fades: one frame slowly becoming another. Pure, over thumbnails of luma.

While A fades into B every frame between is ``A + k (B - A)``, with k rising evenly from 0 to 1. A run of frames
is a fade where that holds: k, by least squares, keeps to its line, and little is left that it does not explain. Motion
leaves much, and a change of light keeps the shape of A, which B does not have.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import Final

import numpy as np
from numpy.typing import NDArray

Luma = NDArray[np.float32]

#: How long the runs of frames tried are, in seconds; a longer fade is several that overlap.
LENGTHS: Final = (0.4, 0.6, 0.8, 1.0, 1.3, 1.7)
_FEWEST: Final = 4  # frames
#: Mean difference of luma between both ends that a fade must bridge.
_LEAST: Final = 20.0
#: What may be left unexplained, of the squared difference of both ends.
_LEFT: Final = 0.06
#: How far k may be off its line (root mean square).
_OFF: Final = 0.03
#: Above this correlation of A and B the light has changed, not the scene.
_SAME: Final = 0.8

Blend = tuple[int, int]  # numbers of the first frame and the last


def blends(luma: Luma, cuts: Sequence[int], rate: Fraction) -> list[Blend]:
    """Runs of frames that belong to fades; they may overlap.

    Args:
        luma: of every frame, shape (frames, pixels), 0 to 255.
        cuts: the frames that begin a new scene; no fade runs across one.
        rate: frames per second.

    Returns:
        They, in order.
    """
    new = np.zeros(len(luma) + 1, np.int64)
    new[list(cuts)] = 1
    scene = np.cumsum(new)[:-1]
    found = []
    for length in sorted({max(_FEWEST, round(rate * Fraction(length))) for length in LENGTHS}):
        if length >= len(luma):
            continue
        ends = luma[length:] - luma[:-length]
        middle = luma[length // 2 : len(luma) - length + length // 2] - luma[:-length] - ends * ((length // 2) / length)
        power = np.square(ends).mean(axis=1)
        likely = (np.abs(ends).mean(axis=1) > _LEAST) & (scene[length:] == scene[:-length])
        likely &= np.square(middle).mean(axis=1) < 2 * _LEFT * power
        found += [(int(at), int(at) + length) for at in np.flatnonzero(likely) if _is_fade(luma[at : at + length + 1])]
    return sorted(found)


def _is_fade(luma: Luma) -> bool:
    first, last = luma[0], luma[-1]
    difference = last - first
    power = float(difference @ difference)
    moved = luma - first
    k = moved @ difference / power
    left = float(np.square(moved - k[:, None] * difference).mean()) * len(difference) / power
    off = float(np.sqrt(np.square(k - np.linspace(0, 1, len(k))).mean()))
    if left >= _LEFT or off >= _OFF:
        return False
    a, b = first - first.mean(), last - last.mean()
    return float((a * b).mean()) / ((float(a.std()) + 1) * (float(b.std()) + 1)) < _SAME
