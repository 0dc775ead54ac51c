"""How much a frame looks like a title card: a title, credits, a logo, or nothing at all, on a plain ground.

A title card is sharp and, where it is cut to, restless, so what finds good seconds finds title cards. Three measures
distinguish one from a shot, looked up on one frame a second of 60 real clips, at 160x90 pixels:

* **ground**: the share of the frame that has its commonest colour, within ``_SAME`` levels. 0.67 to 0.97 on those.
  Most shots have 0 to 0.5, since sky, snow and walls are shaded; somebody in the dark or before a green screen has 0.5
  to 0.9.
* **two tones**: the share that is ground or ink, which differs from the ground by more than ``_INK`` levels. 0.94 and
  more on title cards, where only the edges of letters lie between; 0.85 and less where light falls off into the dark.
* **strokes**: how often ink comes and goes along a row that has any: the mean number of its runs that are no longer
  than a tenth of the row. 3 to 14 on text and logos; 0 to 1.5 where somebody stands before a plain ground.

The result is the product of the three, each scaled to 0 to 1 between two bounds. A frame of ground alone counts, too.
Whether text stands or rolls makes no difference, so one frame is enough. The measure is this project's own.

Limits: text over a shot or over a gradient is not found; nor is a logo without a letter in it. Drawings of a few lines
on white, sheet music and pages of a presentation are: a video of nothing else keeps its order, as all of it counts the
same. So is a crowd of small figures before an evenly lit white wall.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

#: Levels of any colour channel within which a pixel has the colour of the ground: noise and coding.
_SAME: Final = 8
#: Levels of any colour channel by which ink differs from the ground.
_INK: Final = 40
#: The longest run of ink that is a stroke, as a share of the row.
_STROKE: Final = 0.1
#: Each bound: where a measure begins to speak for a title card, and from where on it does wholly.
_GROUND: Final = (0.4, 0.6)
_TWO_TONES: Final = (0.86, 0.93)
_STROKES: Final = (1.5, 3.0)
_ALL_GROUND: Final = (0.985, 0.998)

Pixels = NDArray[np.uint8]


def title_card(pixels: Pixels, luma: Pixels) -> float:
    """How much a frame looks like a title card.

    Args:
        pixels: a small frame, shape (height, width, 3), blue, green, red.
        luma: the same, shape (height, width).

    Returns:
        0 to 1.
    """
    colour = _commonest(pixels, luma)
    ground = float(_within(pixels, colour, _SAME).mean())
    if ground <= _GROUND[0]:
        return 0.0
    ink = ~_within(pixels, colour, _INK)
    two_tones = ground + float(ink.mean())
    text = _rising(ground, _GROUND) * _rising(two_tones, _TWO_TONES) * _rising(_strokes(ink), _STROKES)
    return max(text, _rising(ground, _ALL_GROUND))


def _commonest(pixels: Pixels, luma: Pixels) -> list[int]:
    """The commonest colour: blue, green, red."""
    counts = np.convolve(_histogram(luma, 0), np.ones(_SAME), "same")
    middle = int(counts.argmax())
    like = np.asarray(cv2.inRange(luma, (middle - _SAME // 2,), (middle + _SAME // 2,)), np.uint8)
    shares = [np.cumsum(_histogram(pixels, channel, like)) for channel in range(3)]
    return [int(np.searchsorted(share, share[-1] / 2)) for share in shares]  # the median of each channel


def _histogram(image: Pixels, channel: int, where: Pixels | None = None) -> NDArray[np.float32]:
    return np.asarray(cv2.calcHist([image], [channel], where, [256], [0, 256]), np.float32).ravel()


def _within(pixels: Pixels, colour: Sequence[int], levels: int) -> NDArray[np.bool_]:
    """Which pixels differ from a colour by no more than so many levels in any channel."""
    lower, upper = [level - levels for level in colour], [level + levels for level in colour]
    return np.asarray(cv2.inRange(pixels, tuple(lower), tuple(upper)), bool)


def _strokes(ink: NDArray[np.bool_]) -> float:
    """The mean number of short runs of ink in a row that has any."""
    inked = int(ink.any(axis=1).sum())
    if not inked:
        return 0.0
    steps = np.diff(np.pad(ink, ((0, 0), (1, 1))).astype(np.int8), axis=1)
    lengths = np.nonzero(steps == -1)[1] - np.nonzero(steps == 1)[1]  # row by row, both in order
    return float((lengths <= _STROKE * ink.shape[1]).sum()) / inked


def _rising(value: float, bounds: tuple[float, float]) -> float:
    """0 up to the first bound, 1 from the second on."""
    low, high = bounds
    return min(1.0, max(0.0, (value - low) / (high - low)))
