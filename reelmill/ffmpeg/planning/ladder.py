"""How many bits a second a web copy is worth, by its size, its frame rate and its codec (pure)."""

from __future__ import annotations

from fractions import Fraction
from itertools import pairwise
from typing import Final

from reelmill.ffmpeg.codecs import H264, Codec

#: Pixels of a frame of 16:9, and kbit/s of H.264 at up to 30 and from 48 frames a second on.
#: Source: YouTube Help, "Recommended upload encoding settings" (support.google.com/youtube/answer/1722171), SDR; of
#: 2160 lines the lower figures.
_LADDER: Final = (
    (0, 0, 0),
    (640 * 360, 1_000, 1_500),
    (854 * 480, 2_500, 4_000),
    (1280 * 720, 5_000, 7_500),
    (1920 * 1080, 8_000, 12_000),
    (2560 * 1440, 16_000, 24_000),
    (3840 * 2160, 35_000, 53_000),
)
_USUAL_RATE: Final = 30
_HIGH_RATE: Final = 48
#: No copy is given less, kbit/s: the least that may be asked for.
LEAST: Final = 50


def ladder_kbit(size: tuple[int, int], rate: Fraction, codec: Codec, source: float) -> int:
    """The ceiling of a web copy of which only the quality is given.

    Between two rungs, of size or rate, the straight line; other codecs than H.264 by the bits that they need of it.

    Args:
        size: of the copy, in pixels.
        rate: of it, frames per second.
        codec: of it.
        source: what its source's video takes, kbit/s; it is never given more.

    Returns:
        kbit/s.
    """
    pixels = size[0] * size[1]
    usual, high = (_between(pixels, column) for column in (1, 2))
    share = min(Fraction(1), max(Fraction(0), (rate - _USUAL_RATE) / (_HIGH_RATE - _USUAL_RATE)))
    wanted = float(usual + (high - usual) * share) * codec.bits_a_pixel / H264.bits_a_pixel
    return max(LEAST, round(min(wanted, source)))


def _between(pixels: int, column: int) -> Fraction:
    for low, high in pairwise(_LADDER):
        if pixels <= high[0]:
            return low[column] + Fraction((high[column] - low[column]) * (pixels - low[0]), high[0] - low[0])
    return Fraction(_LADDER[-1][column] * pixels, _LADDER[-1][0])
