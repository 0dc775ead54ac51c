"""Jobs go in, for those who report on each: what is new, what is refused and why."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Unpack

from reelmill.dispatch.audit import Audit
from reelmill.dispatch.runs.control import this_user
from reelmill.dispatch.runs.job_views import JobViews
from reelmill.dispatch.server.connection import Connection, translates_errors
from reelmill.dispatch.submission import Submission, SubmitOptions
from reelmill.errors import UserError
from reelmill.queue.actor import Actor
from reelmill.queue.job import Job, canonical


@dataclass(frozen=True)
class SubmittedJob:
    """A job as it was taken."""

    job: Job
    is_new: bool  # False: the same work was under way, and this is it


class Intake:
    """Takes jobs in, as ``Jobs.submit_many`` does."""

    def __init__(self, connection: Connection, views: JobViews, audit: Audit):
        self._submission, self._views, self._audit = Submission(connection), views, audit

    @translates_errors
    def submit(
        self,
        job_type: str,
        parameters: Sequence[Mapping[str, Any]],
        by: Actor | None = None,
        **options: Unpack[SubmitOptions],
    ) -> list[SubmittedJob]:
        """Put many jobs of one type into a lane, in order; either all are taken or, where one is wrong, none.

        Args:
            job_type: name of the job type, an older one included.
            parameters: of its flow, for each job.
            by: who wants them; None: whoever runs this process.
            **options: as of ``Jobs.submit``, for all of them.

        Returns:
            A job for each of the list. Where two hand in the same at one instant, both may be called new.

        Raises:
            UserError: as ``Jobs.submit``.
            PlatformError: the server is away.
        """
        runs, folded = self._submission.submit_many(job_type, parameters, options)
        jobs = self._views.of(runs)
        self._audit.record_submitted(canonical(job_type), jobs, folded, by or this_user())
        known, taken = set(folded), []
        for job in jobs:
            taken.append(SubmittedJob(job, job.id not in known))
            known.add(job.id)  # asked for again in the same list, it is not new
        return taken

    @translates_errors
    def job_types(self) -> list[str]:
        """The job types that are deployed, by name.

        Returns:
            Their names.

        Raises:
            PlatformError: the server is away.
        """
        return self._submission.job_types()

    @translates_errors
    def refusals(
        self, job_type: str, parameters: Sequence[Mapping[str, Any]], **options: Unpack[SubmitOptions]
    ) -> list[UserError | None]:
        """Why jobs would not be taken; nothing is submitted.

        Args:
            job_type: name of the job type, an older one included.
            parameters: of its flow, for each job.
            **options: as of ``Jobs.submit``, for all of them.

        Returns:
            The reason for each, ``UnknownName`` or ``WrongParameter``; None: it would be taken.

        Raises:
            UserError: no such job type, pool or lane.
            PlatformError: the server is away.
        """
        return self._submission.refusals(job_type, parameters, options)
