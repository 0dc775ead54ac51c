"""The site in numbers, with the totals of jobs that were archived."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping
from datetime import datetime, timedelta

from sqlalchemy import Connection

from reelmill.dispatch.statistics import Statistics, TypeStatistics
from reelmill.dispatch.tables import job_counts, old_runs
from reelmill.dispatch.tables.job_counts import RunTimes
from reelmill.queue.job import JobStatus


def statistics(connection: Connection, days: int, now: datetime) -> Statistics:
    """The jobs of a site counted, without its GPU memory.

    Args:
        connection: to read by.
        days: that the means are of.
        now: the present, with its zone.

    Returns:
        The numbers.
    """
    by_type: defaultdict[str, Counter[JobStatus]] = defaultdict(Counter)
    by_lane: Counter[str] = Counter()
    dead = sum(job_counts.dead_letters(connection).values())
    for count in job_counts.counts(connection, now):
        by_type[count.type][count.status] += count.jobs
        if count.lane and count.status in job_counts.WAITING:
            by_lane[count.lane] += count.jobs
    for job_type, status, jobs, dead_letters in old_runs.archived(connection):
        by_type[job_type][JobStatus(status)] += jobs
        dead += dead_letters
    times = job_counts.run_times(connection, now - timedelta(days=days), now)
    return Statistics(
        by_status={status: sum(counted[status] for counted in by_type.values()) for status in JobStatus},
        by_type={name: _of_type(counted, times.get(name)) for name, counted in sorted(by_type.items())},
        dead_letters=dead,
        days=days,
        vram=(),
        by_lane=dict(by_lane),
    )


def _of_type(counted: Mapping[JobStatus, int], times: RunTimes | None) -> TypeStatistics:
    if times is None:
        return TypeStatistics(dict(counted), None)
    return TypeStatistics(dict(counted), times.mean_seconds, times.jobs)
