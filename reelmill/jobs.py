"""The job view: names, lanes and statuses, as pure functions over plain values."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Final

from reelmill.errors import UserError

#: Older names of job types that the API and the CLI still accept.
ALIASES: Final = {"reencode_streaming": "reencode", "digest_generate": "digest"}

#: The ten work queues of every pool; a lane's place, counted from 1, is its priority. Lower is served first.
LANES: Final = (
    "live-high", "live-medium", "live-low", "default-high", "default-medium", "default-low",
    "batch-high", "batch-medium", "batch-low", "idle",
)  # fmt: skip

DEFAULT_PRIORITY: Final = 5


class JobStatus(StrEnum):
    """What a person calls the state of a job."""

    PENDING = "pending"
    QUEUED = "queued"
    RUNNING = "running"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"
    PAUSED = "paused"


_BY_TYPE: Final = {
    "SCHEDULED": JobStatus.PENDING,
    "PENDING": JobStatus.QUEUED,
    "RUNNING": JobStatus.RUNNING,
    "CANCELLING": JobStatus.RUNNING,
    "COMPLETED": JobStatus.COMPLETED,
    "FAILED": JobStatus.FAILED,
    "CRASHED": JobStatus.FAILED,
    "CANCELLED": JobStatus.CANCELLED,
    "PAUSED": JobStatus.PAUSED,
}

#: State names that mean something else than their type does.
_BY_NAME: Final = {"AwaitingConcurrencySlot": JobStatus.QUEUED}

_INTRODUCTION: Final = "Flow run encountered an exception: "

FINAL: Final = frozenset({JobStatus.COMPLETED, JobStatus.FAILED, JobStatus.CANCELLED})


def status(state_type: str, state_name: str) -> JobStatus:
    """The status of a job from its Prefect state: its type decides, but for the names listed above."""
    return _BY_NAME.get(state_name) or _BY_TYPE[state_type]


def reason(message: str | None) -> str | None:
    """A state's message as a person wants it: the error's own sentence, without what Prefect puts before it."""
    if message is None or not message.startswith(_INTRODUCTION):
        return message
    return message.removeprefix(_INTRODUCTION).partition(": ")[2] or message


def canonical(job_type: str) -> str:
    """A job type's own name, from that or an older one."""
    return ALIASES.get(job_type, job_type)


def lane(priority: int) -> str:
    """The work queue of a priority from 1 to 10.

    Raises:
        UserError: it is not in that range.
    """
    if not 1 <= priority <= len(LANES):
        raise UserError(f"Priority {priority} does not exist; it goes from 1 (first) to {len(LANES)} (last).")
    return LANES[priority - 1]


def priority_of(work_queue: str | None) -> int | None:
    """The priority of a work queue; None for one that is no lane."""
    return LANES.index(work_queue) + 1 if work_queue in LANES else None


@dataclass(frozen=True)
class Job:
    """One job, as people see it."""

    id: uuid.UUID
    type: str
    status: JobStatus
    parameters: dict[str, Any]
    pool: str | None
    priority: int | None
    message: str | None  # of the state: the reason, where it failed
    created: datetime | None
    started: datetime | None
    ended: datetime | None

    @property
    def seconds(self) -> float | None:
        """How long it ran, once it has ended."""
        return None if self.started is None or self.ended is None else (self.ended - self.started).total_seconds()

    @property
    def over(self) -> bool:
        """Whether nothing more will happen to it."""
        return self.status in FINAL
