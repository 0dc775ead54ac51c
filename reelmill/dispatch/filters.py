"""Which jobs are asked for, in the words of Prefect's server: pure functions."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from reelmill.jobs import AWAITING_SLOT, CLOCKS_APART, JobStatus, canonical
from reelmill.scheduling.retries import DEAD_LETTER

_TYPES: Final = {
    JobStatus.PENDING: ("SCHEDULED",),
    JobStatus.QUEUED: ("PENDING",),
    JobStatus.RUNNING: ("RUNNING", "CANCELLING"),
    JobStatus.COMPLETED: ("COMPLETED",),
    JobStatus.FAILED: ("FAILED", "CRASHED"),
    JobStatus.CANCELLED: ("CANCELLED",),
    JobStatus.PAUSED: ("PAUSED",),
}

#: Types of state after which nothing more comes by itself.
FINAL_TYPES: Final = ("COMPLETED", "FAILED", "CRASHED", "CANCELLED")


@dataclass(frozen=True)
class Asked:
    """Which jobs are wanted; what is left out is not looked at."""

    statuses: tuple[JobStatus, ...] = ()
    types: tuple[str, ...] = ()  # older names of job types included
    pool: str | None = None
    lane: str | None = None
    tag: str | None = None
    dead_letter: bool = False  # True: those alone
    text: str | None = None  # somewhere in the name, whatever its case
    since: datetime | None = None  # due then or later
    until: datetime | None = None  # due then or earlier
    include_not_due: bool = False


def wanted(asked: Asked, now: datetime) -> dict[str, Any]:
    """The filters of the request body."""
    runs: dict[str, Any] = {}
    if asked.statuses:
        runs["state"] = of_statuses(asked.statuses)
    tags = [asked.tag] if asked.tag is not None else []
    if asked.dead_letter:
        tags.append(DEAD_LETTER)
    if tags:
        runs["tags"] = {"all_": tags}
    if asked.text:
        runs["name"] = {"like_": _literally(asked.text)}
    due = _due(asked, now)
    if due:
        runs["expected_start_time"] = due
    body: dict[str, Any] = {"flow_runs": runs}
    if asked.types:
        body["flows"] = {"name": {"any_": [canonical(job_type) for job_type in asked.types]}}
    if asked.pool is not None:
        body["work_pools"] = {"name": {"any_": [asked.pool]}}
    if asked.lane is not None:
        body["work_pool_queues"] = {"name": {"any_": [asked.lane]}}
    return body


def of_statuses(statuses: Iterable[JobStatus]) -> dict[str, Any]:
    """The filter on states for these statuses: a waiting concurrency slot is the one that its type does not tell."""
    chosen = set(statuses)
    types: dict[str, Any] = {"any_": sorted(kind for status in chosen for kind in _TYPES[status])}
    if JobStatus.PENDING in chosen and JobStatus.QUEUED not in chosen:
        return {"type": types, "name": {"not_any_": [AWAITING_SLOT]}}
    if JobStatus.QUEUED in chosen and JobStatus.PENDING not in chosen:
        return {"operator": "or_", "type": types, "name": {"any_": [AWAITING_SLOT]}}
    return {"type": types}


def _due(asked: Asked, now: datetime) -> dict[str, str]:
    """A run's expected start is set once: a retry in the future keeps its past one, and stays in."""
    present = now + CLOCKS_APART
    until = asked.until if asked.include_not_due else min(asked.until or present, present)
    limits = {"after_": asked.since, "before_": until}
    return {name: at.isoformat() for name, at in limits.items() if at is not None}


def _literally(text: str) -> str:
    for special in ("\\", "%", "_"):
        text = text.replace(special, "\\" + special)
    return text
