"""Time ranges of a video, each analysed by itself. Imports next to nothing, since it is sent to other nodes."""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Final

#: Seconds of video analysed in one go: enough to outweigh starting, little enough to spread over many nodes.
RANGE_SECONDS: Final = 60


@dataclass(frozen=True)
class TimeRange:
    """Seconds ``first`` up to, not including, ``end`` of a file; small enough to travel to another node."""

    path: str
    first: int
    end: int


def split_into_ranges(path: Path, duration: Fraction) -> list[TimeRange]:
    """How a video is split for analysis (pure): a rest shorter than a range goes with the one before it."""
    seconds = max(1, math.ceil(duration))
    begins = [first for first in range(0, seconds, RANGE_SECONDS) if not first or seconds - first >= RANGE_SECONDS]
    return [TimeRange(str(path), first, end) for first, end in pairwise([*begins, seconds])]
