"""The site in numbers, as values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from reelmill.errors import WrongParameter
from reelmill.queue.job import JobStatus

#: What the names of the global concurrency limits begin with that keep GPU memory.
VRAM_PREFIX: Final = "vram-"

_MAX_DAYS: Final = 365


@dataclass(frozen=True)
class TypeStatistics:
    """One job type."""

    by_status: Mapping[JobStatus, int]
    mean_seconds: float | None  # a completed one of the last days took, without waiting; None where there was none
    measured: int = 0  # that the mean is of


@dataclass(frozen=True)
class Budget:
    """GPU memory of one device."""

    name: str  # vram-<node>-<device>
    total_mb: int
    used_mb: int


@dataclass(frozen=True)
class Statistics:
    """The site in numbers."""

    by_status: Mapping[JobStatus, int]  # every status, those of no job at 0
    by_type: Mapping[str, TypeStatistics]
    dead_letters: int
    days: int  # that the means are of
    vram: tuple[Budget, ...]
    by_lane: Mapping[str, int] = field(
        default_factory=dict
    )  # jobs that wait, over all pools; lanes without any left out

    @property
    def mean_seconds(self) -> float | None:
        """What a completed job of the last days took, of whatever type; None where there was none."""
        timed = [(each.measured, each.mean_seconds) for each in self.by_type.values() if each.mean_seconds is not None]
        count = sum(measured for measured, _ in timed)
        return sum(measured * mean for measured, mean in timed) / count if count else None

    @property
    def vram_total_mb(self) -> int:
        """GPU memory of the whole site."""
        return sum(budget.total_mb for budget in self.vram)

    @property
    def vram_used_mb(self) -> int:
        """How much of it jobs hold."""
        return sum(budget.used_mb for budget in self.vram)


def require_days(days: int) -> None:
    """Refuse a number of days that means cannot be of.

    Raises:
        WrongParameter: it is not 1 to 365.
    """
    if not 1 <= days <= _MAX_DAYS:
        raise WrongParameter(f"Statistics of {days} days cannot be had; ask for 1 to {_MAX_DAYS}.", "days", days)
