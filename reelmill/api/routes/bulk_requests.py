"""What is sent in to steer many jobs, and what comes back."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Annotated, Final

from pydantic import Field, Strict

from reelmill.api.errors import InvalidRequest
from reelmill.api.naming import ApiModel
from reelmill.api.routes.job_query import JobChoice
from reelmill.api.routes.job_requests import Place
from reelmill.api.routes.reasons import Reason
from reelmill.dispatch import BulkAction, BulkPreview, BulkResult
from reelmill.queue.job import JobStatus


class Steering(StrEnum):
    """What can be done to many jobs, in the words of the routes that do it to one."""

    RETRY = "retry"
    CANCEL = "cancel"
    PAUSE = "pause"
    RESUME = "resume"
    PRIORITY = "priority"


_ACTIONS: Final[Mapping[Steering, BulkAction]] = {
    Steering.RETRY: BulkAction.RETRY,
    Steering.CANCEL: BulkAction.CANCEL,
    Steering.PAUSE: BulkAction.PAUSE,
    Steering.RESUME: BulkAction.RESUME,
    Steering.PRIORITY: BulkAction.PRIORITISE,
}


class ManyJobs(Place, Reason):
    """What is to be done to which jobs; they are only counted unless `dryRun` is false."""

    action: Steering
    filter: JobChoice = Field(
        description="as the list of jobs takes it; `{}` chooses all. Failure class, worker and video only list jobs",
        examples=[{"status": ["failed"], "type": ["reencode"]}],
    )
    dry_run: Annotated[bool, Strict()] = Field(default=True, description="only count them; false: do it")
    confirm: Annotated[int, Strict()] | None = Field(
        default=None,
        ge=0,
        description="`wouldChange` of the dry run: where more jobs would be changed by now, none is (409)",
    )

    @property
    def bulk_action(self) -> BulkAction:
        """What is to be done, as the queue calls it."""
        return _ACTIONS[self.action]

    def new_lane(self) -> str | None:
        """The lane that jobs are to be moved to.

        Returns:
            Its name; None where they are not to be moved.

        Raises:
            InvalidRequest: no lane is given to move them to, or one is given and they are not to be moved.
        """
        lane = self.lane()
        if (lane is None) == (self.action is Steering.PRIORITY):
            raise InvalidRequest("Give a priority, or a queue with its level, where jobs are to be moved.", "priority")
        return lane


class ManyJobsResult(ApiModel):
    """What was counted and, unless it was a dry run, done."""

    action: Steering
    dry_run: bool
    total: int = Field(description="jobs that the filter chose")
    by_status: Mapping[JobStatus, int] = Field(description="of them")
    would_change: int = Field(description="of them, by their status; the others are in `untouched`")
    untouched: Mapping[str, int] = Field(description="why, and how many", examples=[{"over": 3}])
    done: int = Field(description="0 after a dry run")
    refused: int = Field(description="jobs that were to be changed and could not be, as they went on meanwhile")
    refusals: list[str] = Field(description="the first of them, each a sentence")


def result_of(request: ManyJobs, preview: BulkPreview, result: BulkResult) -> ManyJobsResult:
    """What comes back (pure).

    Args:
        request: what was to be done.
        preview: what was counted before.
        result: what was done.

    Returns:
        All of it together.
    """
    return ManyJobsResult(
        action=request.action,
        dry_run=request.dry_run,
        total=preview.total,
        by_status=preview.by_status,
        would_change=preview.would_change,
        untouched=preview.untouched,
        done=result.done,
        refused=result.refused,
        refusals=list(result.reasons),
    )
