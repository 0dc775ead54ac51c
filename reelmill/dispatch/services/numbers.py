"""The site in numbers: counted by the site's database where it is at hand, else by the server, job type by job type."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, Final

from reelmill.dispatch.runs.job_filter import JobFilter, request_body
from reelmill.dispatch.server.connection import Connection, read_pages, translates_errors
from reelmill.dispatch.statistics import VRAM_PREFIX, Budget, Statistics, TypeStatistics, require_days
from reelmill.dispatch.tables.job_reader import JobReader
from reelmill.queue.job import CLOCKS_APART, JobStatus, status_of
from reelmill.queue.job_chain import REPLACED

_BUCKETS: Final = 500  # the most intervals that the server's history has


class Numbers:
    """Counts."""

    def __init__(self, connection: Connection, reader: JobReader):
        self._connection, self._reader = connection, reader

    @translates_errors
    def statistics(self, days: int = 7) -> Statistics:
        """Counts of all jobs that are, or were, due, and how long those of the last days took.

        Where the site's database is at hand it counts, archived jobs among them; else the server does.

        Args:
            days: that the means are of, 1 to 365.

        Returns:
            The counts by status and by job type, and the GPU memory in use.

        Raises:
            UserError: as many days cannot be.
            PlatformError: the server is away.
        """
        require_days(days)
        if self._reader.serves(self._connection.pool_ids()):
            return replace(self._reader.statistics(days), vram=self.vram())
        return self.of_server(days)

    @translates_errors
    def of_server(self, days: int = 7) -> Statistics:
        """The same by the server's own counting, which takes seconds on a large site; archived jobs are not in it.

        Args:
            days: that the means are of, 1 to 365.

        Returns:
            The counts by status and by job type, and the GPU memory in use.

        Raises:
            UserError: as many days cannot be.
            PlatformError: the server is away.
        """
        require_days(days)
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
        if state["state_name"] == REPLACED:  # no job of its own
            continue
        by_status[status_of(state["state_type"], state["state_name"])] += state["count_runs"]
    done = [state for state in buckets[-1]["states"] if state["state_type"] == "COMPLETED"] if buckets else []
    count = sum(state["count_runs"] for state in done)
    seconds = sum(state["sum_estimated_run_time"] for state in done)
    return TypeStatistics(dict(by_status), seconds / count if count else None, count)
