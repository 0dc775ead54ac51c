"""Stretches of a video that are looked at apart. Imports next to nothing: it travels."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Final, Protocol

from reelmill.fan_out import Found

#: Seconds of video analysed in one go: enough to outweigh starting, little enough to spread over many machines.
RANGE_SECONDS: Final = 60


@dataclass(frozen=True)
class Range:
    """Seconds ``first`` up to, not including, ``end`` of a file; small enough to travel to another machine."""

    path: str
    first: int
    end: int


class Spread(Protocol):
    """Looks at many ranges, here or elsewhere; every ``FanOut`` does."""

    def __call__(self, look: Callable[[Range], Found], parts: Sequence[Range], /) -> list[Found]:
        """What is found in each, in their order."""


def ranges(path: Path, duration: Fraction) -> list[Range]:
    """How a video is split for analysis (pure)."""
    seconds = max(1, math.ceil(duration))
    return [Range(str(path), first, min(first + RANGE_SECONDS, seconds)) for first in range(0, seconds, RANGE_SECONDS)]
