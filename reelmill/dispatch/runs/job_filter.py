"""Which jobs are meant, in the words of Prefect's server: pure functions."""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from reelmill.catalogue.models import batch_tag
from reelmill.errors import FailureClass, UserError
from reelmill.queue.job import AWAITING_SLOT, CLOCKS_APART, JobStatus, canonical
from reelmill.queue.job_chain import REPLACED
from reelmill.queue.retry_policy import DEAD_LETTER

#: The types of Prefect's states by what people call them.
STATE_TYPES: Final = {
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
class JobFilter:
    """Which jobs are meant; a field that is left out does not count."""

    statuses: tuple[JobStatus, ...] = ()
    types: tuple[str, ...] = ()  # older names of job types included
    pool: str | None = None
    lane: str | None = None
    tag: str | None = None
    dead_letter: bool = False  # True: those alone
    text: str | None = None  # somewhere in the name, whatever its case
    since: datetime | None = None  # due then or later
    until: datetime | None = None  # due then or earlier
    ended_since: datetime | None = None  # over since then
    include_not_due: bool = False
    failure_class: FailureClass | None = None  # of the last failure
    worker: str | None = None  # that has it, or had it last
    video_id: uuid.UUID | None = None  # of its parameter of that name
    batch: str | None = None  # that it is of


#: What only the site's database can choose by: see ``tables``.
_BY_TABLES: Final = ("failure_class", "worker", "video_id")


def needs_tables(job_filter: JobFilter) -> bool:
    """Whether only the site's database can choose these jobs."""
    return any(getattr(job_filter, name) is not None for name in _BY_TABLES)


def as_plain(job_filter: JobFilter) -> dict[str, Any]:
    """The fields of a filter that count, as JSON has them."""
    given = {name: getattr(job_filter, name) for name in JobFilter.__dataclass_fields__}
    return {
        name: list(value) if isinstance(value, tuple) else str(value) if not isinstance(value, bool) else value
        for name, value in given.items()
        if value not in (None, False, ())
    }


def request_body(job_filter: JobFilter, now: datetime) -> dict[str, Any]:
    """The filters of a request's body.

    Args:
        job_filter: which jobs.
        now: the present, with its zone.

    Returns:
        The filters, as the server takes them.

    Raises:
        UserError: the server has no filter for that.
    """
    for name in _BY_TABLES:
        if getattr(job_filter, name) is not None:
            raise UserError(f"Prefect's server cannot choose jobs by {name}; on a site, `dispatcher.reader.page` can.")
    # A run whose place another has taken is no job of its own.
    runs: dict[str, Any] = {"state": {"name": {"not_any_": [REPLACED]}}}
    if job_filter.statuses:
        runs["state"] = state_filter(job_filter.statuses)
    tags = [job_filter.tag] if job_filter.tag is not None else []
    if job_filter.batch is not None:
        tags.append(batch_tag(job_filter.batch))
    if job_filter.dead_letter:
        tags.append(DEAD_LETTER)
    if tags:
        runs["tags"] = {"all_": tags}
    if job_filter.text:
        runs["name"] = {"like_": _literally(job_filter.text)}
    if job_filter.ended_since is not None:
        runs["end_time"] = {"after_": job_filter.ended_since.isoformat()}
    due = _due(job_filter, now)
    if due:
        runs["expected_start_time"] = due
    body: dict[str, Any] = {"flow_runs": runs}
    if job_filter.types:
        body["flows"] = {"name": {"any_": [canonical(job_type) for job_type in job_filter.types]}}
    if job_filter.pool is not None:
        body["work_pools"] = {"name": {"any_": [job_filter.pool]}}
    if job_filter.lane is not None:
        body["work_pool_queues"] = {"name": {"any_": [job_filter.lane]}}
    return body


def state_filter(statuses: Iterable[JobStatus]) -> dict[str, Any]:
    """The filter on states for these statuses; of those, waiting for a slot is known by the name alone."""
    chosen = set(statuses)
    types: dict[str, Any] = {"any_": sorted(kind for status in chosen for kind in STATE_TYPES[status])}
    if JobStatus.PENDING in chosen and JobStatus.QUEUED not in chosen:
        return {"type": types, "name": {"not_any_": [AWAITING_SLOT, REPLACED]}}
    if JobStatus.QUEUED in chosen and JobStatus.PENDING not in chosen:
        return {"operator": "or_", "type": types, "name": {"any_": [AWAITING_SLOT]}}
    return {"type": types, "name": {"not_any_": [REPLACED]}}


def _due(job_filter: JobFilter, now: datetime) -> dict[str, str]:
    """A run's expected start is set once: a retry in the future keeps its past one, and stays in."""
    present = now + CLOCKS_APART
    until = job_filter.until if job_filter.include_not_due else min(job_filter.until or present, present)
    limits = {"after_": job_filter.since, "before_": until}
    return {name: at.isoformat() for name, at in limits.items() if at is not None}


def _literally(text: str) -> str:
    for special in ("\\", "%", "_"):
        text = text.replace(special, "\\" + special)
    return text
