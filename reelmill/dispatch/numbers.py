"""The site in numbers, from the server's own counting: a question for each job type, however many jobs there are."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from reelmill.dispatch.connection import Connection, read_pages, translates_errors
from reelmill.dispatch.job_filter import JobFilter, request_body
from reelmill.errors import UserError
from reelmill.queue.job import CLOCKS_APART, JobStatus, status_of

#: What the names of the global concurrency limits begin with that keep GPU memory.
VRAM_PREFIX: Final = "vram-"

_BUCKETS: Final = 500  # the most intervals that the server's history has
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


class Numbers:
    """Counts."""

    def __init__(self, connection: Connection):
        self._connection = connection

    @translates_errors
    def statistics(self, days: int = 7) -> Statistics:
        """Counts of all jobs that are, or were, due, and how long those of the last days took.

        Args:
            days: that the means are of, 1 to 365.

        Returns:
            The counts by status and by job type, and the GPU memory in use.

        Raises:
            UserError: as many days cannot be.
            PlatformError: the server is away.
        """
        if not 1 <= days <= _MAX_DAYS:
            raise UserError(f"Statistics of {days} days cannot be had; ask for 1 to {_MAX_DAYS}.")
        now = self._connection.clock.now()
        read = self._connection.client.read_flows
        flows = read_pages(lambda limit, offset: read(limit=limit, offset=offset))
        by_type = {name: self._of_type(name, days, now) for name in sorted(flow.name for flow in flows)}
        counted: Counter[JobStatus] = Counter()
        for each in by_type.values():
            counted.update(each.by_status)
        dead = request_body(JobFilter(statuses=(JobStatus.FAILED,), dead_letter=True), now)
        return Statistics(
            by_status={status: counted[status] for status in JobStatus},
            by_type={name: each for name, each in by_type.items() if each.by_status},
            dead_letters=int(self._connection.post("/flow_runs/count", **dead)),
            days=days,
            vram=self.vram(),
        )

    def _of_type(self, name: str, days: int, now: datetime) -> TypeStatistics:
        end = now + CLOCKS_APART
        buckets = self._connection.post(
            "/flow_runs/history",
            history_start=(end - timedelta(days=days) * _BUCKETS).isoformat(),
            history_end=end.isoformat(),
            history_interval_seconds=days * 86400,
            flows={"name": {"any_": [name]}},
        )
        return of_history(buckets)

    @translates_errors
    def vram(self) -> tuple[Budget, ...]:
        """The GPU memory of every device, and how much of it jobs hold.

        Returns:
            A budget for each device.

        Raises:
            PlatformError: the server is away.
        """
        read = self._connection.client.read_global_concurrency_limits
        limits = read_pages(lambda limit, offset: read(limit=limit, offset=offset))
        return tuple(
            Budget(limit.name, limit.limit, limit.active_slots)
            for limit in limits
            if limit.name.startswith(VRAM_PREFIX) and limit.active
        )


def of_history(buckets: list[dict[str, Any]]) -> TypeStatistics:
    """One type's statistics from the server's history, whose last interval is the one the mean is of (pure)."""
    by_status: Counter[JobStatus] = Counter()
    for state in (state for bucket in buckets for state in bucket["states"]):
        by_status[status_of(state["state_type"], state["state_name"])] += state["count_runs"]
    done = [state for state in buckets[-1]["states"] if state["state_type"] == "COMPLETED"] if buckets else []
    count = sum(state["count_runs"] for state in done)
    seconds = sum(state["sum_estimated_run_time"] for state in done)
    return TypeStatistics(dict(by_status), seconds / count if count else None)
