"""Batches: the same job for every video that a filter chooses, submitted, seen, paused and cancelled as one.

The table ``catalogue.batch`` holds what a batch is and how far it has come; its jobs are on the server, each with the
tag of its batch. ``batch_feeder`` hands them in.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

from reelmill.catalogue import batches
from reelmill.catalogue.engine import session
from reelmill.catalogue.filters.filter_conditions import And, Missing, Not
from reelmill.catalogue.filters.video_filter import parse_filter, usable
from reelmill.catalogue.models import Batch, BatchState
from reelmill.catalogue.videos.video_parameters import single_video_parameters
from reelmill.dispatch.audit import Audit
from reelmill.dispatch.runs.control import this_user
from reelmill.dispatch.runs.job_filter import JobFilter
from reelmill.dispatch.server.connection import Connection, translates_errors
from reelmill.dispatch.services.batch_feeder import BatchFeeder, with_batch
from reelmill.dispatch.services.bulk import Bulk
from reelmill.dispatch.submission import Submission, SubmitOptions
from reelmill.errors import AlreadyThere, WrongParameter, WrongStatus
from reelmill.queue.actor import Actor
from reelmill.queue.job import JobStatus, canonical

_EXAMPLES: Final = 5

#: What a job of this type makes of a video, as filters call it.
_PRODUCTS: Final = {
    "thumbnail_generate": "thumbnail",
    "reencode": "copy",
    "digest": "digest",
    "clip_generate": "clip",
    "highlight_generate": "highlights",
    "tag_generation": "tag",
}

_OVER: Final = (JobStatus.COMPLETED, JobStatus.FAILED, JobStatus.CANCELLED)
#: The time that a batch's speed is taken from, and the least jobs that it can be taken from.
_RECENT: Final = timedelta(minutes=15)
_ENOUGH: Final = 5


@dataclass(frozen=True)
class BatchPreview:
    """What a batch would do."""

    filter: str  # with what is added for jobs
    matched: int  # videos
    already: int | None  # how many of them have what the job makes; None where that is not known
    examples: tuple[str, ...]  # paths


@dataclass(frozen=True)
class BatchStatus:
    """How a batch is doing."""

    batch: Batch
    jobs: Mapping[JobStatus, int]  # of its own, by status
    seconds_left: float | None  # None where too few have ended to know

    @property
    def under_way(self) -> int:
        """How many of its jobs have not ended."""
        return sum(count for status, count in self.jobs.items() if status not in _OVER)

    @property
    def to_come(self) -> int:
        """How many videos are yet to be handed in, by the count at its beginning."""
        batch = self.batch
        if batch.fed or batch.state == BatchState.CANCELLED:
            return 0
        return max(0, batch.matched - batch.submitted - batch.folded - batch.refused)


class Batches:
    """Everything that can be done with batches."""

    def __init__(self, connection: Connection, bulk: Bulk, audit: Audit):
        self._connection, self._submission = connection, Submission(connection)
        self._bulk, self._audit = bulk, audit
        self._feeder = BatchFeeder(self._submission, self._bulk, connection.clock)

    @translates_errors
    def preview(self, job_type: str, where: str, parameters: Mapping[str, Any], options: SubmitOptions) -> BatchPreview:
        """Count what a batch would do; nothing is submitted.

        Args:
            job_type: name of the job type, an older one included.
            where: the filter; see ``reelmill.catalogue.filters.video_filter``. It chooses videos that are there and
                valid, unless it names ``missing`` or ``invalid`` itself.
            parameters: of every job, without the video.
            options: as of ``Jobs.submit``, for every job.

        Returns:
            The counts.

        Raises:
            FilterError: the filter cannot be read.
            UserError: as ``Jobs.submit``, or the job type does not take one video.
            PlatformError: the server or the database is away.
        """
        condition = usable(parse_filter(where))
        self._video_parameter(job_type, parameters, options)
        product = _product(canonical(job_type), parameters)
        with session() as opened:
            matched = batches.count_matching(opened, condition)
            has_it = And((condition, Not(Missing(product)))) if product else None
            already = None if has_it is None else batches.count_matching(opened, has_it)
            examples = batches.example_paths(opened, condition, _EXAMPLES)
        return BatchPreview(str(condition), matched, already, tuple(examples))

    @translates_errors
    def submit(
        self,
        job_type: str,
        where: str,
        parameters: Mapping[str, Any],
        options: SubmitOptions,
        by: Actor | None = None,
    ) -> Batch:
        """Make a batch; the workers of the site hand in its jobs, some hundred at a time.

        Args:
            job_type: as of ``preview``.
            where: as of ``preview``.
            parameters: as of ``preview``.
            options: as of ``preview``; without a lane the jobs wait in batch-medium, behind what people ask for.
            by: who wants it; None: whoever runs this process.

        Returns:
            The batch.

        Raises:
            FilterError, PlatformError: as ``preview``.
            UserError: as ``preview``.
            AlreadyThere: a running batch does the same, and this one is not forced.
        """
        condition, who = usable(parse_filter(where)), by or this_user()
        video_parameter = self._video_parameter(job_type, parameters, options)
        values = {
            "job_type": canonical(job_type),
            "video_parameter": video_parameter,
            "parameters": dict(parameters),
            "options": _with_lane({name: value for name, value in options.items() if value is not None}),
            "filter": str(condition),
            "created_by": who.name,
        }
        with session() as opened:
            first = None if options.get("force") else batches.same_running(opened, values)
            if first is not None:  # handed in at the same time, both would do the same work
                raise AlreadyThere(
                    f"The batch {first.id} does just that already; wait for it, cancel it, or force this one.", first.id
                )
            batch = batches.create_batch(opened, {**values, "matched": batches.count_matching(opened, condition)})
        # Its jobs carry its tag, and so need no entries of their own.
        what: dict[str, Any] = {"type": batch.job_type, "filter": batch.filter, "videos": batch.matched}
        self._audit.record("batch.submit", who, batch=batch.id, **what)
        return batch

    @translates_errors
    def feed(self) -> None:
        """Hand in the jobs of running batches; see ``BatchFeeder.feed``."""
        self._feeder.feed()

    @translates_errors
    def all(self, limit: int = 10) -> list[BatchStatus]:
        """How batches are doing, the newest first.

        Args:
            limit: how many at most; each is eight questions to the server.

        Returns:
            Their status.

        Raises:
            PlatformError: the server or the database is away.
        """
        with session() as opened:
            recent = batches.recent_batches(opened, limit)
        return [self._status(batch) for batch in recent]

    @translates_errors
    def status(self, batch_id: str) -> BatchStatus:
        """How a batch is doing.

        Args:
            batch_id: the batch.

        Returns:
            Its jobs by status, and how long it will take.

        Raises:
            UnknownName: there is none of this id.
            PlatformError: the server or the database is away.
        """
        with session() as opened:
            batch = batches.get_batch(opened, batch_id)
        return self._status(batch)

    @translates_errors
    def pause(self, batch_id: str, by: Actor | None = None) -> BatchStatus:
        """Hand in nothing more, and pause the jobs of the batch that wait; what runs goes on to its end.

        Args:
            batch_id: the batch.
            by: who wants that; None: whoever runs this process.

        Returns:
            How it is doing.

        Raises:
            UserError: there is none of this id, or it is over.
            PlatformError: the server or the database is away.
        """
        batch = self._change(batch_id, BatchState.PAUSED, (BatchState.RUNNING, BatchState.PAUSED))
        waiting = (JobStatus.PENDING, JobStatus.QUEUED)
        self._bulk.pause(_jobs(batch, waiting), self._with_all(batch, "pause", by))
        return self._status(batch)

    @translates_errors
    def resume(self, batch_id: str, by: Actor | None = None) -> BatchStatus:
        """Let a paused batch go on, its paused jobs in the places that they had.

        Args:
            batch_id: the batch.
            by: who wants that; None: whoever runs this process.

        Returns:
            How it is doing.

        Raises:
            UserError: there is none of this id, or it is not paused.
            PlatformError: the server or the database is away.
        """
        batch = self._change(batch_id, BatchState.RUNNING, (BatchState.PAUSED, BatchState.RUNNING))
        self._bulk.resume(_jobs(batch, (JobStatus.PAUSED,)), self._with_all(batch, "resume", by))
        return self._status(batch)

    @translates_errors
    def cancel(self, batch_id: str, by: Actor | None = None) -> BatchStatus:
        """Hand in nothing more, and cancel the jobs of the batch: those that wait at once, those that run are stopped.

        Args:
            batch_id: the batch; one that is cancelled already is looked through again.
            by: who wants that; None: whoever runs this process.

        Returns:
            How it is doing.

        Raises:
            UserError: there is none of this id, or it is finished.
            PlatformError: the server or the database is away.
        """
        batch = self._change(batch_id, BatchState.CANCELLED, tuple(set(BatchState) - {BatchState.FINISHED}))
        under_way = tuple(set(JobStatus) - set(_OVER))
        self._bulk.cancel(_jobs(batch, under_way), self._with_all(batch, "cancel", by))
        return self._status(batch)

    def _with_all(self, batch: Batch, action: str, by: Actor | None) -> Actor:
        """Write down what is done to a batch.

        Returns:
            Who does it, as its jobs name them.
        """
        who = by or this_user()
        self._audit.record(f"batch.{action}", who, batch=batch.id)
        return with_batch(batch.id, who)

    def _video_parameter(self, job_type: str, parameters: Mapping[str, Any], options: SubmitOptions) -> str:
        """The one parameter that a video is handed in as, once the job is known to be one that can be submitted."""
        name = video_parameter(job_type, self._submission.schema(job_type, options.get("pool")))
        if name in parameters:
            raise WrongParameter(f"{name} is what the filter chooses; leave it out of the parameters of a batch.", name)
        self._submission.check(job_type, {**parameters, name: str(uuid.UUID(int=0))}, options)
        return name

    def _change(self, batch_id: str, state: BatchState, allowed: tuple[BatchState, ...]) -> Batch:
        with session() as opened:
            batch = batches.get_batch(opened, batch_id, lock=True)  # once it is ours, no page is on its way
            if batch.state not in allowed:
                raise WrongStatus(f"The batch {batch.id} is {batch.state}; it cannot become {state}.", batch.state)
            batch.state, batch.reason = state, None
            batch.ended_at = self._connection.clock.now() if state is BatchState.CANCELLED else None
            return batch

    def _status(self, batch: Batch) -> BatchStatus:
        jobs = {status: self._bulk.count(_jobs(batch, (status,))) for status in JobStatus}
        status = BatchStatus(batch, jobs, None)
        if batch.state != BatchState.RUNNING:
            return status
        now = self._connection.clock.now()
        window = min(_RECENT, now - batch.created_at)
        recent = self._bulk.count(_jobs(batch, _OVER, ended_since=now - window))
        return BatchStatus(batch, jobs, seconds_left(status.under_way + status.to_come, recent, window))


def video_parameter(job_type: str, schema: Mapping[str, Any]) -> str:
    """The one parameter of a job type that names a video (pure).

    Args:
        job_type: for the error.
        schema: of its parameters, as its deployment has it.

    Returns:
        Its name.

    Raises:
        WrongParameter: there is none, or more than one.
    """
    names = single_video_parameters(schema)
    if len(names) != 1:
        takes = f"takes {' and '.join(names)}" if names else "takes none by itself"
        kind = canonical(job_type)
        sentence = f"Batches and rules are for job types that take one video, and {kind} {takes}."
        raise WrongParameter(sentence, "job_type", kind)
    return names[0]


def seconds_left(jobs: int, recent: int, window: timedelta) -> float | None:
    """How long the rest of a batch takes, at its recent speed (pure).

    Args:
        jobs: that have not ended, and videos that are yet to be handed in.
        recent: jobs that have ended within the window.
        window: of time.

    Returns:
        Seconds; None where too few have ended.
    """
    return jobs * window.total_seconds() / recent if recent >= _ENOUGH else None


def _with_lane(options: dict[str, Any]) -> dict[str, Any]:
    return options if {"priority", "queue"} & options.keys() else {**options, "queue": "batch"}


def _product(job_type: str, parameters: Mapping[str, Any]) -> str | None:
    if job_type == "thumbnail_generate" and parameters.get("storyboard"):
        return "storyboard"
    return _PRODUCTS.get(job_type)


def _jobs(batch: Batch, statuses: tuple[JobStatus, ...], **more: Any) -> JobFilter:
    return JobFilter(statuses=statuses, tag=batch.tag, include_not_due=True, **more)
