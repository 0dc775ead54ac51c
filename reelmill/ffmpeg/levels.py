"""Levels of H.264 (ITU-T H.264, table A-1): what a decoder must be able to do for a stream (pure)."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from math import ceil
from typing import Final

#: Pixels of a side of a macroblock.
_BLOCK: Final = 16
#: How much more bits a second, and bits of a buffer, profile High may take than table A-1 has (A.3.3, item i).
_HIGH: Final = Fraction(5, 4)


@dataclass(frozen=True)
class Level:
    """One row of table A-1."""

    number: int  # ten times its name
    speed: int  # macroblocks a second
    area: int  # macroblocks of a frame
    kbit: int  # kbit/s
    buffer: int  # kbit

    @property
    def name(self) -> str:
        """As encoders take it."""
        return f"{self.number // 10}.{self.number % 10}"

    def holds(self, size: tuple[int, int], rate: Fraction) -> bool:
        """Whether frames of a size, in pixels, so many a second, are within it."""
        blocks = macroblocks(size)
        longest = max(ceil(side / _BLOCK) for side in size)
        return blocks <= self.area and longest**2 <= 8 * self.area and blocks * rate <= self.speed

    def carries(self, kbit: int, buffer: int) -> bool:
        """Whether kbit/s, and kbit of a decoder's buffer, are within it in profile High."""
        return kbit <= self.kbit * _HIGH and buffer <= self.buffer * _HIGH


LEVELS: Final = tuple(
    Level(*row)
    for row in (
        (10, 1_485, 99, 64, 175),
        (11, 3_000, 396, 192, 500),
        (12, 6_000, 396, 384, 1_000),
        (13, 11_880, 396, 768, 2_000),
        (20, 11_880, 396, 2_000, 2_000),
        (21, 19_800, 792, 4_000, 4_000),
        (22, 20_250, 1_620, 4_000, 4_000),
        (30, 40_500, 1_620, 10_000, 10_000),
        (31, 108_000, 3_600, 14_000, 14_000),
        (32, 216_000, 5_120, 20_000, 20_000),
        (40, 245_760, 8_192, 20_000, 25_000),
        (41, 245_760, 8_192, 50_000, 62_500),
        (42, 522_240, 8_704, 50_000, 62_500),
        (50, 589_824, 22_080, 135_000, 135_000),
        (51, 983_040, 36_864, 240_000, 240_000),
    )
)

#: The highest that is made: 5.2 and above, few decoders in hardware play.
HIGHEST: Final = LEVELS[-1]


def macroblocks(size: tuple[int, int]) -> int:
    """Of a frame of so many pixels."""
    width, height = size
    return ceil(width / _BLOCK) * ceil(height / _BLOCK)


def level_for(size: tuple[int, int], rate: Fraction, kbit: int = 0, buffer: int = 0) -> Level:
    """The lowest level that a stream is within.

    Args:
        size: of its frames, in pixels.
        rate: frames a second.
        kbit: the most it takes, kbit/s; 0 where it has no ceiling.
        buffer: of a decoder, kbit; likewise.

    Returns:
        The level; ``HIGHEST`` where none is enough.
    """
    enough = (level for level in LEVELS if level.holds(size, rate) and level.carries(kbit, buffer))
    return next(enough, HIGHEST)
