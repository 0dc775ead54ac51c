"""The reader of jobs: pages, one job, progress, logs, counts and changes, however many jobs there are."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Select, select

from reelmill.clock import SYSTEM, Clock
from reelmill.dispatch.runs.job_filter import JobFilter
from reelmill.dispatch.runs.reading import Progress
from reelmill.dispatch.statistics import Statistics, require_days
from reelmill.dispatch.tables import (
    endings,
    job_chain_rows,
    job_changes,
    job_counts,
    job_lines,
    job_pages,
    job_progress,
    job_results,
    job_statistics,
    queue_places,
    run_rows,
)
from reelmill.dispatch.tables.endings import Ending
from reelmill.dispatch.tables.job_changes import Changes
from reelmill.dispatch.tables.job_counts import Failures, JobCount
from reelmill.dispatch.tables.job_lines import LogPage
from reelmill.dispatch.tables.job_values import JobDetail, JobList, JobRows, ResultItems
from reelmill.dispatch.tables.prefect_tables import work_pool
from reelmill.dispatch.tables.read_only import read_only
from reelmill.dispatch.tables.timeline import TimelineSegment, timeline
from reelmill.errors import PlatformError
from reelmill.queue import job_chain
from reelmill.queue.job import Job
from reelmill.queue.waiting_reason import PoolNow, waiting_reason
from reelmill.settings import get_settings


class JobReader:
    """Reads jobs from the site's database; nothing is changed by it.

    An id is the job's public id, or that of any of its runs. Every operation raises ``PlatformError`` where the
    database does not answer, or is not a site's.

    Args:
        pools: the pools now, by name, for the reasons why jobs wait, which are left out while it fails.
        clock: what time it is.
    """

    def __init__(self, pools: Callable[[], Mapping[str, PoolNow]], clock: Clock = SYSTEM):
        self._pools, self._clock = pools, clock

    def page(
        self, job_filter: JobFilter | None = None, *, page: int = 1, size: int = 20, before: str | None = None
    ) -> JobList:
        """A page of jobs, the newest first.

        Args:
            job_filter: which; None: all that are due.
            page: 1 is the first.
            size: jobs on a page, 1 to 200.
            before: ``next`` of the page before: go on from there; ``page`` then does not count.

        Returns:
            The jobs with the reasons why they wait, and how many there are.

        Raises:
            UserError: there can be no such page, or that is no cursor.
            PlatformError: the database is away.
        """
        wanted, now = job_filter or JobFilter(), self._clock.now()
        statement = job_pages.page_statement(wanted, now, page, size, before)
        with read_only() as connection:
            found = self._rows(connection, statement, size)
            total = job_pages.total(connection, wanted, now)
        return JobList(self._explained(found.jobs), page, size, total, -(-total // size), found.next)

    def rows(self, job_filter: JobFilter, size: int, before: str | None = None) -> JobRows:
        """``page`` without its count, which takes longest where there are very many jobs; it raises the same."""
        statement = job_pages.page_statement(job_filter, self._clock.now(), 1, size, before)
        with read_only() as connection:
            found = self._rows(connection, statement, size)
        return replace(found, jobs=self._explained(found.jobs))

    def total(self, job_filter: JobFilter) -> int:
        """How many jobs are on all pages; ``PlatformError`` where the database is away."""
        with read_only() as connection:
            return job_pages.total(connection, job_filter, self._clock.now())

    def read(self, job_id: uuid.UUID) -> JobDetail:
        """One job.

        Args:
            job_id: the job.

        Returns:
            The job with its progress, its timeline and its place in the queue.

        Raises:
            UnknownName: there is none of this id.
            PlatformError: the database is away.
        """
        now = self._clock.now()
        with read_only() as connection:
            run_id = job_chain_rows.present_run(connection, job_id)
            jobs = run_rows.jobs_of(connection, [run_id], now, get_settings().max_retries)
            place = queue_places.place(connection, run_id, now)
            progress = job_progress.read(connection, [run_id]).get(run_id)
            segments = timeline(job_chain_rows.states(connection, run_id), now)
        (job,) = self._explained([*jobs.values()])
        replaces, replaced_by = job_chain.replaces(job.tags), job_chain.replaced_by(job.message)
        return JobDetail(job, progress, segments, place, replaces, replaced_by)

    def serves(self, pool_ids: Collection[uuid.UUID]) -> bool:
        """Whether the database at hand is the one of a Prefect server.

        Nothing is started for that: a node that is no site's has no database at hand.

        Args:
            pool_ids: of that server's pools.

        Returns:
            Whether it has the same pools.
        """
        try:
            with read_only() as connection:
                return set(connection.scalars(select(work_pool.c.id))) == set(pool_ids)
        except PlatformError:
            return False

    def waiting(self) -> dict[tuple[str, str], int]:
        """How many jobs wait.

        Returns:
            The number by pool and lane; lanes in which none waits are left out.

        Raises:
            PlatformError: the database is away.
        """
        with read_only() as connection:
            return job_counts.waiting(connection, self._clock.now())

    def run_ids(self, job_id: uuid.UUID) -> list[uuid.UUID]:
        """The ids of every run that a job has had, the first one first; ``UnknownName`` where there is no such job."""
        with read_only() as connection:
            return job_chain_rows.run_ids(connection, job_id)

    def jobs(self, run_ids: Sequence[uuid.UUID]) -> dict[uuid.UUID, Job]:
        """Many runs as jobs at once, without the reasons why they wait.

        Args:
            run_ids: ``Job.id`` of each.

        Returns:
            The jobs by that; those that are gone are left out.

        Raises:
            PlatformError: the database is away.
        """
        with read_only() as connection:
            return run_rows.jobs_of(connection, run_ids, self._clock.now(), get_settings().max_retries)

    def progress(self, job_ids: Sequence[uuid.UUID]) -> dict[uuid.UUID, Progress]:
        """How far jobs are, in one question for any number of them.

        Args:
            job_ids: ``Job.id`` of each.

        Returns:
            The progress of those that report any.

        Raises:
            PlatformError: the database is away.
        """
        with read_only() as connection:
            return job_progress.read(connection, job_ids)

    def statistics(self, days: int = 7) -> Statistics:
        """The site in numbers, without its GPU memory: see ``dispatcher.numbers.statistics``.

        Args:
            days: that the means are of, 1 to 365.

        Returns:
            The counts, those of archived jobs among them.

        Raises:
            UserError: as many days cannot be.
            PlatformError: the database is away.
        """
        require_days(days)
        with read_only() as connection:
            return job_statistics.statistics(connection, days, self._clock.now())

    def counts(self) -> list[JobCount]:
        """Every job that is or was due, counted by all that metrics name.

        Returns:
            The counts above 0; archived jobs are not among them.

        Raises:
            PlatformError: the database is away.
        """
        with read_only() as connection:
            return job_counts.counts(connection, self._clock.now())

    def under_way(self) -> list[JobCount]:
        """The jobs that are due and not over, counted.

        Returns:
            The counts above 0.

        Raises:
            PlatformError: the database is away.
        """
        with read_only() as connection:
            return job_counts.under_way(connection, self._clock.now())

    def failures(self) -> Failures:
        """Dead letters and retries, by job type.

        Returns:
            Both, of all jobs that are not archived.

        Raises:
            PlatformError: the database is away.
        """
        with read_only() as connection:
            return job_counts.failures(connection)

    def awaiting_retry(self) -> dict[str, int]:
        """How many jobs failed and are tried again later, by lane; lanes without any are left out."""
        with read_only() as connection:
            return endings.awaiting_retry(connection, self._clock.now())

    def dead_letters(self) -> int:
        """How many jobs are out of retries; archived ones are not among them."""
        with read_only() as connection:
            return endings.dead_letters(connection)

    def endings(self, after: datetime | None = None) -> Iterator[Ending]:
        """How jobs ended, for totals that outlive their runs; see ``endings.Ending``.

        Args:
            after: runs that were changed after it, by the database's clock; None: all.

        Yields:
            Each ending; one may come again.

        Raises:
            PlatformError: the database is away.
        """
        with read_only() as connection:
            yield from endings.endings(connection, after, self._clock.now())

    def timeline(self, job_id: uuid.UUID) -> list[TimelineSegment]:
        """How long a job waited and ran, over all its runs.

        Args:
            job_id: the job.

        Returns:
            The segments in order.

        Raises:
            UnknownName: there is none of this id.
            PlatformError: the database is away.
        """
        with read_only() as connection:
            return timeline(job_chain_rows.states(connection, job_id), self._clock.now())

    def log(self, job_id: uuid.UUID, after: str | None = None, limit: int = 1000) -> LogPage:
        """Lines of a job's log, over all its runs.

        Args:
            job_id: the job.
            after: cursor of the page before; None: from the first line on.
            limit: the most lines, 1 to 10,000.

        Returns:
            The lines that follow; each comes once, those that reach the server late with a later page.

        Raises:
            UnknownName: there is no job of this id.
            UserError: that is no cursor, or no such page can be.
            PlatformError: the database is away.
        """
        job_lines.require_lines(limit)
        with read_only() as connection:
            return job_lines.read(connection, job_chain_rows.run_ids(connection, job_id), after, limit)

    def log_tail(self, job_id: uuid.UUID, limit: int = 100) -> LogPage:
        """The last lines of a job's log, over all its runs.

        Args:
            job_id: the job.
            limit: the most lines, 1 to 10,000.

        Returns:
            The lines, and the cursor of what comes after them.

        Raises:
            UnknownName: there is no job of this id.
            UserError: no such page can be.
            PlatformError: the database is away.
        """
        job_lines.require_lines(limit)
        with read_only() as connection:
            return job_lines.read_tail(connection, job_chain_rows.run_ids(connection, job_id), limit)

    def result(self, job_id: uuid.UUID) -> dict[str, Any] | None:
        """The result of a job as data, for programs.

        Args:
            job_id: the job.

        Returns:
            What its flow returned last, long lists cut; None where it has returned nothing.

        Raises:
            UnknownName: there is none of this id.
            PlatformError: the database is away.
        """
        with read_only() as connection:
            return job_results.read(connection, job_chain_rows.run_ids(connection, job_id))

    def result_card(self, job_id: uuid.UUID) -> str | None:
        """A job's result card with its images, see ``job_results``; ``UnknownName`` where there is no such job."""
        with read_only() as connection:
            return job_results.result_card(connection, job_chain_rows.run_ids(connection, job_id))

    def result_items(self, job_id: uuid.UUID, first: int, count: int) -> ResultItems | None:
        """Items of a job's result, see ``job_results.items``; ``UnknownName`` where there is no such job."""
        with read_only() as connection:
            return job_results.items(connection, job_chain_rows.run_ids(connection, job_id), first, count)

    def queue_position(self, job_id: uuid.UUID) -> int | None:
        """A job's place among those that wait in its pool.

        Args:
            job_id: the job.

        Returns:
            1 for the next one; None for one that does not wait in a lane.

        Raises:
            UnknownName: there is none of this id.
            PlatformError: the database is away.
        """
        with read_only() as connection:
            run_id = job_chain_rows.present_run(connection, job_id)
            return queue_places.place(connection, run_id, self._clock.now())

    def changes(self, after: str | None = None) -> Changes:
        """The jobs whose state or progress has changed since a reading, as they are now; and those that are gone.

        Args:
            after: cursor of that reading; None: begin now.

        Returns:
            The jobs that are due, or were, without the reasons why they wait; one may come twice, and none is missed.

        Raises:
            UserError: that is no cursor.
            PlatformError: the database is away.
        """
        now = self._clock.now()
        with read_only() as connection:
            found = job_changes.changed_runs(connection, after)
            jobs = run_rows.jobs_of(connection, found.ids, now, get_settings().max_retries)
            progress = job_progress.read(connection, found.ids)
        due = [jobs[run_id] for run_id in found.ids if run_id in jobs and not jobs[run_id].not_due]
        return Changes(due, progress, found.cursor, found.complete, found.removed)

    def _rows(self, connection: Connection, statement: Select[Any], size: int) -> JobRows:
        found = run_rows.jobs(connection, statement, self._clock.now(), get_settings().max_retries)
        return JobRows(found[:size], job_pages.cursor_after(found, size))

    def _explained(self, jobs: list[Job]) -> list[Job]:
        if not any(job.waits for job in jobs):
            return jobs
        try:
            pools, now = self._pools(), self._clock.now()
        except PlatformError:  # jobs are in the database; that the Prefect server is away hides none of them
            return jobs
        return [
            replace(job, waiting_reason=waiting_reason(job, pools.get(job.pool or ""), now)) if job.waits else job
            for job in jobs
        ]
