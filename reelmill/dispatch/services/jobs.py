"""The jobs of a site: submitted, read, steered; each by its public id, or by that of any run it has had."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, Unpack

from reelmill.dispatch.audit import Audit
from reelmill.dispatch.ranking import Ranking
from reelmill.dispatch.runs.control import Control, this_user
from reelmill.dispatch.runs.job_filter import JobFilter
from reelmill.dispatch.runs.job_log import JobLog, LogLine
from reelmill.dispatch.runs.job_naming import JobNaming
from reelmill.dispatch.runs.job_views import JobViews
from reelmill.dispatch.runs.reading import JobPage, OnPoll, Progress, Reading, StateChange
from reelmill.dispatch.server.connection import Connection, server_errors, translates_errors
from reelmill.dispatch.submission import Submission, SubmitOptions
from reelmill.errors import UnknownName, UserError, WrongStatus
from reelmill.queue.actor import Actor
from reelmill.queue.job import Job, canonical, resolve_lane


class Jobs:
    """Everything that can be done with jobs; each operation returns them as they are after it."""

    def __init__(self, connection: Connection, views: JobViews, audit: Audit):
        self._views, self._audit = views, audit
        self._submission = Submission(connection)
        self._reading = Reading(connection, views)
        self._log = JobLog(connection, views)
        self._naming = JobNaming(connection, views)
        self._control = Control(connection, views.chains)
        self._ranking = Ranking(connection, views, self._control)

    def submit(
        self,
        job_type: str,
        parameters: Mapping[str, Any] | None = None,
        by: Actor | None = None,
        **options: Unpack[SubmitOptions],
    ) -> Job:
        """Put a job into its lane; the same work, where it waits or runs already, is not done twice.

        Example:
            >>> with dispatcher() as prefect:
            ...     job = prefect.jobs.submit("validate", {"video_id": "…"}, priority=2)
            ...     prefect.jobs.wait([job.id])[0].status

        Args:
            job_type: name of the job type, an older one included.
            parameters: of its flow.
            by: who wants it; None: whoever runs this process.
            **options: pool, priority or queue and level, vram_mb, max_retries, force, delay: see
                ``SubmitOptions``.

        Returns:
            The new job, or the one that does the same work.

        Raises:
            UserError: no such job type, pool or lane, or parameters the flow does not take.
            PlatformError: the server is away.
        """
        return self.submit_many(job_type, [parameters or {}], by, **options)[0]

    @translates_errors
    def submit_many(
        self,
        job_type: str,
        parameters: Sequence[Mapping[str, Any]],
        by: Actor | None = None,
        **options: Unpack[SubmitOptions],
    ) -> list[Job]:
        """Put many jobs of one type into a lane, in order; either all are taken or, where one is wrong, none.

        Args:
            job_type: name of the job type, an older one included.
            parameters: of its flow, for each job.
            by: who wants them; None: whoever runs this process.
            **options: as of ``submit``, for all of them.

        Returns:
            A job for each of the list, the same one for the same work.

        Raises:
            UserError: as ``submit``; of wrong parameters the first are named.
            PlatformError: the server is away.
        """
        runs, folded = self._submission.submit_many(job_type, parameters, options)
        jobs = self._views.of(runs)
        self._audit.record_submitted(canonical(job_type), jobs, folded, by or this_user())
        return jobs

    @translates_errors
    def schema(self, job_type: str, pool: str | None = None) -> dict[str, Any]:
        """The parameters that a job type takes.

        Args:
            job_type: its name, an older one included.
            pool: which of its deployments; None as for ``submit``.

        Returns:
            Their schema, as OpenAPI has it.

        Raises:
            UserError: there is no such job type or pool.
            PlatformError: the server is away.
        """
        return self._submission.schema(job_type, pool)

    @translates_errors
    def read(self, job_id: uuid.UUID) -> Job:
        """One job, with the reason why it waits.

        Args:
            job_id: the job: its public id, or that of any of its runs.

        Returns:
            The job.

        Raises:
            UserError: there is none of this id.
            PlatformError: the server is away.
        """
        return self._views.read(job_id)

    @translates_errors
    def search(self, job_filter: JobFilter | None = None, *, page: int = 1, size: int = 50) -> JobPage:
        """A page of jobs, those due last first.

        Args:
            job_filter: which; None: all that are due.
            page: 1 is the first.
            size: jobs on a page, 1 to 200.

        Returns:
            The jobs with the reasons why they wait, and how many there are.

        Raises:
            UserError: there can be no such page.
            PlatformError: the server is away.
        """
        return self._reading.search(job_filter or JobFilter(), page, size)

    @translates_errors
    def find(self, name: str) -> uuid.UUID:
        """The job that a person means.

        Args:
            name: its id, a beginning of that (4 digits or more), or the name of its run.

        Returns:
            Its id.

        Raises:
            UserError: there is none, or it may be one of several, which are listed.
            PlatformError: the server is away.
        """
        return self._naming.find(name)

    @translates_errors
    def log(self, job_id: uuid.UUID, tail: int | None = 100, after: datetime | None = None) -> list[LogLine]:
        """The last lines of a job's log.

        Args:
            job_id: the job: its public id, or that of any of its runs.
            tail: how many lines at most; None: all.
            after: only lines of that moment and later.

        Returns:
            The lines in the order they were written.

        Raises:
            UserError: there is no job of this id.
            PlatformError: the server is away.
        """
        return self._log.read(job_id, tail, after)

    def follow_log(self, job_id: uuid.UUID, tail: int | None = None) -> Iterator[list[LogLine]]:
        """The lines of a job's log as they come, until the job is over.

        Args:
            job_id: the job: its public id, or that of any of its runs.
            tail: how many of the lines there are already, at most; None: all.

        Yields:
            Lines that have come since, each once.

        Raises:
            UserError: there is no job of this id.
            PlatformError: the server is away.
        """
        with server_errors():
            yield from self._log.follow(job_id, tail)

    @translates_errors
    def states(self, job_id: uuid.UUID) -> list[StateChange]:
        """Every state a job has been in.

        Args:
            job_id: the job: its public id, or that of any of its runs.

        Returns:
            The states, the first first.

        Raises:
            UserError: there is no job of this id.
            PlatformError: the server is away.
        """
        return self._reading.states(job_id)

    @translates_errors
    def progress(self, job_ids: Sequence[uuid.UUID]) -> dict[uuid.UUID, Progress]:
        """The latest progress of those of these jobs that have reported any: one question for all."""
        return self._reading.progress(job_ids)

    @translates_errors
    def card(self, job_id: uuid.UUID) -> str | None:
        """The result card of a job, as markdown without its images.

        Args:
            job_id: the job: its public id, or that of any of its runs.

        Returns:
            That of its last run; None where it has made none: it is not over, or has failed.

        Raises:
            PlatformError: the server is away.
        """
        return self._reading.result_card(job_id)

    @translates_errors
    def wait(
        self,
        job_ids: Sequence[uuid.UUID],
        *,
        on_poll: OnPoll | None = None,
        explain: bool = False,
        until_over: bool = True,
    ) -> list[Job]:
        """Wait until every one of these jobs is over.

        Args:
            job_ids: the jobs.
            on_poll: called at each reading with the jobs and their progress.
            explain: with the reasons why they wait.
            until_over: False: read them once and return.

        Returns:
            The jobs in the same order; one that was deleted meanwhile is not among them.

        Raises:
            PlatformError: the server is away.
        """
        return self._reading.wait(job_ids, on_poll, explain=explain, until_over=until_over)

    @translates_errors
    def retry(self, job_id: uuid.UUID, by: Actor | None = None) -> Job:
        """Send a failed or cancelled job back at once, with its log and a fresh count of retries.

        Args:
            job_id: the job: its public id, or that of any of its runs.
            by: who wants that; None: whoever runs this process.

        Returns:
            The job, which waits.

        Raises:
            UserError: there is none of this id, it is under way or has completed, or its deployment is gone.
            PlatformError: the server is away.
        """
        return self._views.read(self._audit.steer("retry", self._control.retry, job_id, by).run_id)

    @translates_errors
    def retry_dead_letters(
        self, by: Actor | None = None, *, on_refused: Callable[[UserError], None] = lambda _: None
    ) -> list[Job]:
        """Send back every job that is out of retries.

        Args:
            by: who wants that; None: whoever runs this process.
            on_refused: called with the reason for each that cannot be sent back; those that somebody else has sent
                back or cleared away meanwhile are passed over.

        Returns:
            The jobs that were sent back.

        Raises:
            PlatformError: the server is away.
        """
        sent = []
        for job_id in self._control.dead_letters():
            try:
                sent.append(self.retry(job_id, by))
            except (WrongStatus, UnknownName):  # somebody else was quicker
                continue
            except UserError as error:
                on_refused(error)
        return sent

    @translates_errors
    def cancel(self, job_id: uuid.UUID, by: Actor | None = None) -> Job:
        """Cancel a job: at once where it waits; where it runs its worker stops it, and it is running until then.

        Args:
            job_id: the job: its public id, or that of any of its runs.
            by: who wants that; None: whoever runs this process.

        Returns:
            The job, cancelled or being stopped.

        Raises:
            UserError: there is none of this id, or it is over.
            PlatformError: the server is away.
        """
        return self._views.read(self._audit.steer("cancel", self._control.cancel, job_id, by).run_id)

    @translates_errors
    def pause(self, job_id: uuid.UUID, by: Actor | None = None) -> Job:
        """Suspend a job: a waiting one keeps its place, a running one is stopped and later begun again.

        Args:
            job_id: the job: its public id, or that of any of its runs.
            by: who wants that; None: whoever runs this process.

        Returns:
            The job, paused.

        Raises:
            UserError: there is none of this id, it is over or being cancelled, or the server refuses to suspend it.
            PlatformError: the server is away.
        """
        return self._views.read(self._audit.steer("pause", self._control.pause, job_id, by).run_id)

    @translates_errors
    def resume(self, job_id: uuid.UUID, by: Actor | None = None) -> Job:
        """Let a paused job go on, in the place in its lane that it had.

        Args:
            job_id: the job: its public id, or that of any of its runs.
            by: who wants that; None: whoever runs this process.

        Returns:
            The job, which waits.

        Raises:
            UserError: there is none of this id, or it is not paused.
            PlatformError: the server is away.
        """
        return self._views.read(self._audit.steer("resume", self._control.resume, job_id, by).run_id)

    @translates_errors
    def prioritise(
        self,
        job_id: uuid.UUID,
        priority: int | None = None,
        *,
        queue: str | None = None,
        level: str | None = None,
        by: Actor | None = None,
    ) -> Job:
        """Move a waiting job to another lane.

        Args:
            job_id: the job: its public id, or that of any of its runs.
            priority: 1 (first) to 10,
            queue: or the same said as live, default, batch or idle,
            level: and high, medium or low.
            by: who wants that; None: whoever runs this process.

        Returns:
            The job, with the id of the run that now stands for it.

        Raises:
            UserError: there is no such job or lane, it does not wait, or it has started meanwhile.
            PlatformError: the server is away.
        """
        lane, who = resolve_lane(priority, queue, level), by or this_user()
        moved = self._ranking.move_to_lane(job_id, lane, who)
        if moved.changed:
            self._audit.record("prioritise", who, moved.public_id, lane=lane, run=str(moved.run_id))
        return self._views.read(moved.run_id)

    @translates_errors
    def move_to_front(self, job_id: uuid.UUID, by: Actor | None = None) -> Job:
        """Make a waiting job the next of its lane.

        Args:
            job_id: the job: its public id, or that of any of its runs.
            by: who wants that; None: whoever runs this process.

        Returns:
            The job.

        Raises:
            UserError: there is none of this id, or it does not wait in a lane.
            PlatformError: the server is away.
        """
        return self._views.read(self._audit.steer("move_to_front", self._ranking.move_to_front, job_id, by).run_id)
