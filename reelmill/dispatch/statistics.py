"""The site in numbers, from the server's own counting: a question for each job type, however many jobs there are."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from reelmill import jobs
from reelmill.dispatch.connection import PAGE, told
from reelmill.dispatch.filters import Asked, wanted
from reelmill.dispatch.present import Present
from reelmill.errors import UserError
from reelmill.jobs import CLOCKS_APART, JobStatus

#: What the names of the global concurrency limits begin with that keep GPU memory.
VRAM_PREFIX: Final = "vram-"

_BUCKETS: Final = 500  # the most the server's history answers with
_MAX_DAYS: Final = 365


@dataclass(frozen=True)
class TypeStatistics:
    """One job type."""

    by_status: Mapping[JobStatus, int]
    mean_seconds: float | None  # a completed one of the last days took, without waiting; None where there was none


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

    @property
    def vram_total_mb(self) -> int:
        """GPU memory of the whole site."""
        return sum(budget.total_mb for budget in self.vram)

    @property
    def vram_used_mb(self) -> int:
        """How much of it jobs hold."""
        return sum(budget.used_mb for budget in self.vram)


class Numbers(Present):
    """Counting."""

    @told
    def statistics(self, days: int = 7) -> Statistics:
        """Counts of all jobs that are, or were, due, and how long those of the last days took.

        Args:
            days: that the means are of, 1 to 365.

        Raises:
            UserError: as many days cannot be.
            PlatformError: the server is away.
        """
        if not 1 <= days <= _MAX_DAYS:
            raise UserError(f"Statistics of {days} days cannot be had; ask for 1 to {_MAX_DAYS}.")
        now = datetime.now(UTC)
        flows = [flow.name for flow in self._client.read_flows(limit=PAGE)]
        by_type = {name: self._type(name, days, now) for name in sorted(flows)}
        counted: Counter[JobStatus] = Counter()
        for each in by_type.values():
            counted.update(each.by_status)
        dead = wanted(Asked(statuses=(JobStatus.FAILED,), dead_letter=True), now)
        return Statistics(
            by_status={status: counted[status] for status in JobStatus},
            by_type={name: each for name, each in by_type.items() if each.by_status},
            dead_letters=int(self._ask("/flow_runs/count", **dead)),
            days=days,
            vram=self._budgets(),
        )

    def _type(self, name: str, days: int, now: datetime) -> TypeStatistics:
        end = now + CLOCKS_APART
        buckets = self._ask(
            "/flow_runs/history",
            history_start=(end - timedelta(days=days) * _BUCKETS).isoformat(),
            history_end=end.isoformat(),
            history_interval_seconds=days * 86400,
            flows={"name": {"any_": [name]}},
        )
        return of_history(buckets)

    def _budgets(self) -> tuple[Budget, ...]:
        limits = self._client.read_global_concurrency_limits(limit=PAGE)
        return tuple(
            Budget(limit.name, limit.limit, limit.active_slots)
            for limit in limits
            if limit.name.startswith(VRAM_PREFIX) and limit.active
        )


def of_history(buckets: list[dict[str, Any]]) -> TypeStatistics:
    """One type's statistics from the server's history, whose last interval is the one the mean is of (pure)."""
    by_status: Counter[JobStatus] = Counter()
    for state in (state for bucket in buckets for state in bucket["states"]):
        by_status[jobs.status(state["state_type"], state["state_name"])] += state["count_runs"]
    done = [state for state in buckets[-1]["states"] if state["state_type"] == "COMPLETED"] if buckets else []
    count = sum(state["count_runs"] for state in done)
    seconds = sum(state["sum_estimated_run_time"] for state in done)
    return TypeStatistics(dict(by_status), seconds / count if count else None)
