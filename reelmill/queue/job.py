"""The job view: names, lanes and statuses, as pure functions over plain values."""

from __future__ import annotations

import uuid
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Final

from reelmill.errors import FailureClass, UnknownName, WrongParameter
from reelmill.queue import job_chain
from reelmill.queue.actor import UNNAMED
from reelmill.queue.job_variables import VRAM, retry_limit, whole_number
from reelmill.queue.retry_policy import CLASS_LABEL, DEAD_LETTER, RETRIES_LABEL, RETRYABLE_LABEL

#: Older names of job types that the API and the CLI still accept.
ALIASES: Final = {"reencode_streaming": "reencode", "digest_generate": "digest"}

#: The ten work queues of every pool; a lane's place, counted from 1, is its priority. Lower is served first.
LANES: Final = (
    "live-high", "live-medium", "live-low", "default-high", "default-medium", "default-low",
    "batch-high", "batch-medium", "batch-low", "idle",
)  # fmt: skip

DEFAULT_PRIORITY: Final = 5

#: The same ten said as (queue type, level); ``idle`` has no level.
QUEUE_TYPES: Final = ("live", "default", "batch", "idle")
LEVELS: Final = ("high", "medium", "low")

#: A job due by less than this is due: the clocks of two nodes never agree to the second.
CLOCKS_APART: Final = timedelta(seconds=5)


#: A worker applies the rule once the process of a failed run is gone, which takes a second.
RULE_TIME: Final = timedelta(seconds=10)


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

#: A state of type SCHEDULED that is further on than that.
AWAITING_SLOT: Final = "AwaitingConcurrencySlot"

#: State of a job that the retry rule, or a person, has sent back into its lane.
AWAITING_RETRY: Final = "AwaitingRetry"

#: State of a job whose worker waits for GPU memory; its message has the number.
WAITING_FOR_VRAM: Final = "WaitingForVram"

#: State of a paused job that holds no process.
SUSPENDED: Final = "Suspended"

#: State of type COMPLETED of a job that has found its video to be invalid, with the reason as its message.
INVALID: Final = "Invalid"

#: State names that mean something else than their type does.
_BY_NAME: Final = {AWAITING_SLOT: JobStatus.QUEUED}

_INTRODUCTION: Final = "Flow run encountered an exception: "

FINAL: Final = frozenset({JobStatus.COMPLETED, JobStatus.FAILED, JobStatus.CANCELLED})


def status_of(state_type: str, state_name: str) -> JobStatus:
    """The status of a job from its Prefect state: its type decides, but for the names listed above."""
    return _BY_NAME.get(state_name) or _BY_TYPE[state_type]


def plain_reason(message: str | None) -> str | None:
    """A state's message as a person wants it: the error's own sentence, without what Prefect puts before it."""
    if message is None or not message.startswith(_INTRODUCTION):
        return message
    return message.removeprefix(_INTRODUCTION).partition(": ")[2] or message


def _message(run: RunFacts, what: JobStatus) -> str | None:
    if what is JobStatus.CANCELLED and not run.message:  # in its lane, where no worker of ours has seen it
        return UNNAMED.did("Cancelled")
    return plain_reason(run.message)


def canonical(job_type: str) -> str:
    """A job type's own name, from that or an older one."""
    return ALIASES.get(job_type, job_type)


def lane_of(priority: int) -> str:
    """The work queue of a priority from 1 to 10.

    Returns:
        The name of the lane.

    Raises:
        WrongParameter: it is not in that range.
    """
    if not 1 <= priority <= len(LANES):
        reason = f"Priority {priority} does not exist; it goes from 1 (first) to {len(LANES)} (last)."
        raise WrongParameter(reason, "priority", priority)
    return LANES[priority - 1]


def priority_of(work_queue: str | None) -> int | None:
    """The priority of a work queue; None for one that is no lane."""
    return LANES.index(work_queue) + 1 if work_queue in LANES else None


def resolve_lane(priority: int | None = None, queue: str | None = None, level: str | None = None) -> str:
    """The work queue of a priority from 1 to 10, or of a queue type and level; ``default-medium`` when nothing is said.

    Args:
        priority: 1 (first) to 10.
        queue: live, default, batch or idle; or a lane's whole name.
        level: high, medium (unless said) or low; idle has none.

    Returns:
        The name of the lane.

    Raises:
        WrongParameter: both were given.
        UnknownName: no lane is named so.
    """
    if priority is not None and (queue is not None or level is not None):
        reason = "Give either a priority or a queue with its level, not both: they are the same thing."
        raise WrongParameter(reason, "priority", priority)
    if priority is not None:
        return lane_of(priority)
    if queue in LANES and level is None:
        return str(queue)
    if queue is not None and queue not in QUEUE_TYPES:
        raise UnknownName(
            f"The queue {queue!r} does not exist; there are {', '.join(QUEUE_TYPES)}.", queue, QUEUE_TYPES
        )
    if level is not None and level not in LEVELS:
        raise UnknownName(f"The level {level!r} does not exist; there are {', '.join(LEVELS)}.", level, LEVELS)
    if queue == "idle":
        if level is None:
            return queue
        raise WrongParameter("The queue idle has no levels; leave the level out.", "level", level)
    return f"{queue or 'default'}-{level or 'medium'}"


@dataclass(frozen=True)
class RunFacts:
    """What Prefect holds of one flow run, as plain values."""

    id: uuid.UUID
    name: str
    type: str
    state_type: str
    state_name: str
    message: str | None
    scheduled: datetime | None  # the state's own time, where it is one of type SCHEDULED
    expected: datetime | None  # when it was first to start
    parameters: dict[str, Any]
    pool: str | None
    lane: str | None
    tags: tuple[str, ...]
    labels: Mapping[str, Any]
    variables: Mapping[str, Any]  # job variables, those of deployment and pool among them
    attempt: int  # how many times it has started
    created: datetime | None
    started: datetime | None
    ended: datetime | None


@dataclass(frozen=True)
class Job:
    """One job, as people see it."""

    id: uuid.UUID  # of the run that stands for it now
    public_id: uuid.UUID  # which it keeps when another run takes its place; every operation takes either
    name: str
    type: str
    status: JobStatus
    state: str  # the name of Prefect's own state
    parameters: dict[str, Any]
    pool: str | None
    lane: str | None
    priority: int | None
    tags: tuple[str, ...]
    message: str | None  # of the state: the reason, where it failed or found a video invalid
    retries: int  # used up in the present count
    max_retries: int
    retry_at: datetime | None  # while it waits for a retry
    failure_class: FailureClass | None  # of its last failure, until it has completed
    dead_letter: bool
    vram_mb: int
    attempt: int  # 0 until it has started
    not_due: bool  # made ahead by a schedule: neither waiting nor late
    scheduled: datetime | None  # when it is, or was, due
    created: datetime | None
    started: datetime | None
    ended: datetime | None
    replaces: uuid.UUID | None = None  # the run that stood for it before
    replaced_by: uuid.UUID | None = None  # the run that stands for it now, where this one is past
    settling: bool = False  # it failed, and its worker is about to decide whether it is tried again
    waiting_reason: str | None = None

    @property
    def seconds(self) -> float | None:
        """How long it ran, once it has ended."""
        return None if self.started is None or self.ended is None else (self.ended - self.started).total_seconds()

    @property
    def over(self) -> bool:
        """Whether nothing more will happen to it."""
        return self.status in FINAL and not self.settling

    @property
    def waits(self) -> bool:
        """Whether it is due and no process works on it."""
        return self.status in (JobStatus.PENDING, JobStatus.QUEUED, JobStatus.PAUSED) and not self.not_due


def job_view(run: RunFacts, now: datetime, max_retries: int) -> Job:
    """A flow run as a job.

    Args:
        run: what Prefect holds of it.
        now: the present, with its zone.
        max_retries: the setting of that name, which counts where no job variable does.

    Returns:
        The job, without the reason why it waits.
    """
    what = status_of(run.state_type, run.state_name)
    failure = run.labels.get(CLASS_LABEL)
    retrying = run.state_name == AWAITING_RETRY
    return Job(
        id=run.id,
        public_id=job_chain.public_id(run.id, run.labels),
        name=run.name,
        type=run.type,
        status=what,
        state=run.state_name,
        parameters=run.parameters,
        pool=run.pool,
        lane=run.lane,
        priority=priority_of(run.lane),
        tags=run.tags,
        message=_message(run, what),
        retries=whole_number(run.labels.get(RETRIES_LABEL), 0),
        max_retries=retry_limit(run.variables, max_retries),
        retry_at=run.scheduled if retrying else None,
        failure_class=_failure_class(failure) if what is not JobStatus.COMPLETED else None,
        dead_letter=DEAD_LETTER in run.tags and what is JobStatus.FAILED,
        vram_mb=whole_number(run.variables.get(VRAM), 0),
        attempt=run.attempt,
        not_due=what is JobStatus.PENDING and not retrying and _ahead(run.scheduled, now),
        scheduled=run.scheduled or run.expected,
        created=run.created,
        started=run.started,
        ended=run.ended if what in FINAL else None,
        replaces=job_chain.replaces(run.tags),
        replaced_by=job_chain.replaced_by(run.message) if what is JobStatus.CANCELLED else None,
        settling=what is JobStatus.FAILED and not is_settled(run.tags, run.labels, run.ended, now),
    )


def is_settled(tags: Collection[str], labels: Mapping[str, Any], ended: datetime | None, now: datetime) -> bool:
    """Whether the retry rule has given a failed run up; where no worker of ours applies it, time does.

    Args:
        tags: of the run.
        labels: of the run.
        ended: when it failed.
        now: the present, with its zone.

    Returns:
        False where it may still be sent back to be tried again.
    """
    given_up = DEAD_LETTER in tags or labels.get(RETRYABLE_LABEL) is False
    return given_up or ended is None or now - ended > RULE_TIME


def _ahead(at: datetime | None, now: datetime) -> bool:
    return at is not None and at > now + CLOCKS_APART


def _failure_class(label: object) -> FailureClass | None:
    return FailureClass(label) if label in {known.value for known in FailureClass} else None
