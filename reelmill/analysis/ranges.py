"""Stretches of a video that are looked at apart. Imports next to nothing: it travels."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
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
    """How a video is split for analysis (pure): a rest shorter than a range goes with the one before it."""
    seconds = max(1, math.ceil(duration))
    begins = [first for first in range(0, seconds, RANGE_SECONDS) if not first or seconds - first >= RANGE_SECONDS]
    return [Range(str(path), first, end) for first, end in pairwise([*begins, seconds])]
