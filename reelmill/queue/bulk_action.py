"""What an action on many jobs would touch, and what it did: pure functions over counts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from reelmill.queue.job import FINAL, JobStatus


class BulkAction(StrEnum):
    """What can be done to many jobs."""

    CANCEL = "cancel"
    CLEAR = "clear"
    RETRY = "retry"
    PAUSE = "pause"
    RESUME = "resume"
    PRIORITISE = "prioritise"


#: Statuses of jobs that each action changes.
CHANGES: Final[Mapping[BulkAction, frozenset[JobStatus]]] = {
    BulkAction.CANCEL: frozenset(JobStatus) - FINAL,
    BulkAction.CLEAR: FINAL,
    BulkAction.RETRY: frozenset({JobStatus.FAILED, JobStatus.CANCELLED}),
    BulkAction.PAUSE: frozenset({JobStatus.PENDING, JobStatus.QUEUED, JobStatus.RUNNING}),
    BulkAction.RESUME: frozenset({JobStatus.PAUSED}),
    BulkAction.PRIORITISE: frozenset({JobStatus.PENDING, JobStatus.QUEUED, JobStatus.PAUSED}),
}


@dataclass(frozen=True)
class BulkPreview:
    """What an action would touch, at the moment of counting."""

    action: BulkAction
    total: int  # jobs that the filter chooses
    by_status: Mapping[JobStatus, int]  # of them; a status of none is left out
    would_change: int
    untouched: Mapping[str, int]  # reason: how many it would leave alone


@dataclass(frozen=True)
class BulkResult:
    """What an action has touched."""

    done: int
    refused: int
    reasons: tuple[str, ...]  # of the first that were refused


def preview_of(action: BulkAction, by_status: Mapping[JobStatus, int]) -> BulkPreview:
    """What an action would do to jobs of these statuses.

    Args:
        action: what is to be done.
        by_status: how many jobs there are of each.

    Returns:
        The counts.
    """
    counted = {status: count for status, count in by_status.items() if count}
    untouched: Counter[str] = Counter()
    for status, count in counted.items():
        if status not in CHANGES[action]:
            untouched[_reason(action, status)] += count
    total = sum(counted.values())
    return BulkPreview(action, total, counted, total - untouched.total(), dict(untouched))


def _reason(action: BulkAction, status: JobStatus) -> str:
    match action, status:
        case BulkAction.CLEAR, _:
            return "not over"
        case BulkAction.RETRY, JobStatus.COMPLETED:
            return "completed"
        case BulkAction.RETRY, _:
            return "under way"
        case BulkAction.PAUSE, JobStatus.PAUSED:
            return "paused already"
        case BulkAction.RESUME, _:
            return "not paused"
        case BulkAction.PRIORITISE, JobStatus.RUNNING:
            return "running"
    return "over"
