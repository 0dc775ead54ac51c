"""Stretches of a video that are looked at apart, and how that is spread. Imports next to nothing: it travels."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Final, Protocol, TypeVar

#: Seconds of video analysed in one go: enough to outweigh starting, little enough to spread over many machines.
RANGE_SECONDS: Final = 60

Found = TypeVar("Found")


@dataclass(frozen=True)
class Range:
    """Seconds ``first`` up to, not including, ``end`` of a file; small enough to travel to another machine."""

    path: str
    first: int
    end: int


class FanOut(Protocol):
    """Runs an analysis of each range, here or elsewhere."""

    def __call__(self, analyse: Callable[[Range], Found], ranges: Sequence[Range], /) -> list[Found]:
        """What is found in each, in their order."""


def threads(analyse: Callable[[Range], Found], ranges: Sequence[Range]) -> list[Found]:
    """The fan-out of a single process: one thread a core."""
    with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        return list(pool.map(analyse, ranges))


def ranges(path: Path, duration: Fraction) -> list[Range]:
    """How a video is split for analysis (pure)."""
    seconds = max(1, math.ceil(duration))
    return [Range(str(path), first, min(first + RANGE_SECONDS, seconds)) for first in range(0, seconds, RANGE_SECONDS)]
