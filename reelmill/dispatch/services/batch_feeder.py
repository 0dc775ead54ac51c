"""Batches are handed in page by page, so that only some of a batch's jobs wait on the server at a time.

Whoever feeds holds the lock of the batch's row, in the transaction that also moves its cursor:

    lock the row -> read the next videos -> hand in a job for each -> move cursor and counts -> commit

Killed before the commit, the page comes again, and each of its jobs is found by its key: the same job, waiting, running
or over. So no video is left out and none gets two jobs. Any number of feeders may run at once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Final

from sqlmodel import Session

from reelmill.catalogue import batches
from reelmill.catalogue.batches import BatchVideo
from reelmill.catalogue.engine import session
from reelmill.catalogue.filters.video_filter import parse_filter
from reelmill.catalogue.models import Batch, BatchState, batch_tag
from reelmill.clock import Clock
from reelmill.dispatch.runs.control import this_user
from reelmill.dispatch.runs.job_filter import JobFilter
from reelmill.dispatch.server.connection import server_errors
from reelmill.dispatch.services.bulk import Bulk
from reelmill.dispatch.submission import Submission, SubmitOptions
from reelmill.errors import ReelmillError, UnknownName, UserError
from reelmill.queue.actor import Actor
from reelmill.queue.job import RULE_TIME, JobStatus
from reelmill.settings import get_settings

#: Jobs that are handed in between two commits; the server creates as many at once.
PAGE: Final = 100
#: Refusals whose reasons a batch keeps.
_REASONS: Final = 20
#: For so long after a batch was cancelled, its jobs that were just failing come back to be tried again.
LATE: Final = 6 * RULE_TIME

_WAITING: Final = (JobStatus.PENDING, JobStatus.QUEUED)
_UNDER_WAY: Final = (*_WAITING, JobStatus.RUNNING, JobStatus.PAUSED)


@dataclass
class PageResult:
    """What became of the videos of a page."""

    submitted: int = 0  # jobs of the batch's own
    folded: int = 0  # their work was under way already
    refusals: list[dict[str, str]] = field(default_factory=list)


class BatchFeeder:
    """Hands in the jobs of running batches as earlier ones are done."""

    def __init__(self, submission: Submission, bulk: Bulk, clock: Clock):
        self._submission, self._bulk, self._clock = submission, bulk, clock

    def feed(self) -> None:
        """Top up every running batch that nobody else tops up just now, and finish those that are done.

        A batch that cannot be handed in is paused, with the reason. Jobs of a batch that was cancelled lately are
        cancelled, if they come back: those that were just failing then. No batch stops the others.

        Raises:
            PlatformError: the server or the database is away, for one of them at least; the next time goes on from
                there.
        """
        with session() as opened:
            running = batches.running_batches(opened)
            cancelled = batches.batches_cancelled_since(opened, self._clock.now() - LATE)
        away: list[ReelmillError] = []
        for batch_id, work in [*((one, self._top_up) for one in running), *((one, self._cancel) for one in cancelled)]:
            try:
                with server_errors():
                    work(batch_id)
            except ReelmillError as error:
                away.append(error)
        if away:
            raise away[0]

    def _top_up(self, batch_id: str) -> None:
        try:
            with server_errors():
                # A few are not worth a page of their own, so that what runs low is filled up and what does not waits.
                more = self._feed_page(batch_id, at_most_waiting=get_settings().batch_waiting // 2)
                while more:
                    more = self._feed_page(batch_id, at_most_waiting=get_settings().batch_waiting - 1)
        except ReelmillError as error:
            if error.retryable:
                raise
            _pause(batch_id, str(error))

    def _cancel(self, batch_id: str) -> None:
        chosen = JobFilter(statuses=_UNDER_WAY, tag=batch_tag(batch_id), include_not_due=True)
        self._bulk.cancel(chosen, with_batch(batch_id, this_user("worker")))

    def _feed_page(self, batch_id: str, *, at_most_waiting: int) -> bool:
        """Hand in one page of a batch, unless more jobs of it wait.

        Args:
            batch_id: the batch.
            at_most_waiting: jobs that may wait before the page is handed in.

        Returns:
            Whether there may be another page to hand in.
        """
        with session() as opened:
            batch = batches.lock_running(opened, batch_id)
            if batch is None:
                return False
            if batch.fed:
                self._finish_if_done(batch)
                return False
            waiting = self._count(batch, _WAITING)
            if waiting > at_most_waiting:
                return False
            self._hand_in_page(opened, batch, min(PAGE, get_settings().batch_waiting - waiting))
            return True

    def _hand_in_page(self, opened: Session, batch: Batch, size: int) -> None:
        _check_options(batch)
        videos = batches.next_videos(opened, parse_filter(batch.filter), batch.cursor, size)
        result = self._hand_in(batch, videos) if videos else PageResult()
        batch.fed = len(videos) < size
        batch.cursor = videos[-1].id if videos else batch.cursor
        batch.submitted += result.submitted
        batch.folded += result.folded
        batch.refused += len(result.refusals)
        batch.refusals = [*batch.refusals, *result.refusals][:_REASONS]

    def _hand_in(self, batch: Batch, videos: Sequence[BatchVideo]) -> PageResult:
        """Hand in a job for each of these videos; one that is refused is noted, and the others are handed in.

        Returns:
            What became of them.

        Raises:
            UserError: every one of several is refused, for the reason of the last.
        """
        try:
            return self._submitted(batch, videos)
        except UserError as error:
            refusal = error
        result = PageResult()
        for video in videos:
            try:
                alone = self._submitted(batch, [video])
            except UserError as error:
                refusal = error
                result.refusals.append({"video": str(video.id), "name": video.filename, "reason": str(error)})
            else:
                result.submitted, result.folded = result.submitted + alone.submitted, result.folded + alone.folded
        if len(result.refusals) == len(videos) > 1:
            raise refusal
        return result

    def _submitted(self, batch: Batch, videos: Sequence[BatchVideo]) -> PageResult:
        parameters = [{**batch.parameters, batch.video_parameter: str(video.id)} for video in videos]
        options: Any = {**batch.options, "file_names": {str(video.id): video.filename for video in videos}}
        runs = self._submission.submit_many(batch.job_type, parameters, options, batch.tag).runs
        own = sum(batch.tag in run.tags for run in runs)
        return PageResult(own, len(runs) - own)

    def _finish_if_done(self, batch: Batch) -> None:
        now = self._clock.now()
        # A job that failed this very moment may be sent back to be tried again.
        if not self._count(batch, _UNDER_WAY) and not self._count(batch, (JobStatus.FAILED,), now - RULE_TIME):
            batch.state, batch.ended_at = BatchState.FINISHED, now

    def _count(self, batch: Batch, statuses: tuple[JobStatus, ...], ended_since: datetime | None = None) -> int:
        chosen = JobFilter(statuses=statuses, tag=batch.tag, ended_since=ended_since, include_not_due=True)
        return self._bulk.count(chosen)


def with_batch(batch_id: str, by: Actor) -> Actor:
    """Whoever steers a batch, as its jobs name them."""
    return replace(by, reason=": ".join(filter(None, (f"with all jobs of the batch {batch_id}", by.reason))))


def _check_options(batch: Batch) -> None:
    strange = sorted(batch.options.keys() - SubmitOptions.__annotations__.keys())
    if strange:
        raise UnknownName(
            f"Reelmill on the node {get_settings().node_name} is of a version that does not know the option "
            f"{strange[0]!r} of this batch; bring it up to date, then resume the batch.",
            strange[0],
        )


def _pause(batch_id: str, reason: str) -> None:
    with session() as opened:
        batch = batches.lock_running(opened, batch_id)
        if batch is not None:
            batch.state, batch.reason = BatchState.PAUSED, reason
