"""Which jobs are meant, as conditions on flow runs: pure functions, and the same choice as ``job_filter`` makes."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, FromClause, String, and_, literal, literal_column, or_, select
from sqlalchemy.dialects.postgresql import JSONB

from reelmill.catalogue.models import batch_tag
from reelmill.dispatch.runs.job_filter import STATE_TYPES, JobFilter
from reelmill.dispatch.tables.prefect_tables import flow, flow_run, work_pool, work_queue
from reelmill.queue.job import AWAITING_SLOT, CLOCKS_APART, JobStatus, canonical
from reelmill.queue.job_chain import REPLACED
from reelmill.queue.retry_policy import CLASS_LABEL, DEAD_LETTER
from reelmill.queue.worker_facts import WORKER_LABEL


def conditions(job_filter: JobFilter, now: datetime) -> list[ColumnElement[bool]]:
    """What must hold for a run that is meant.

    Args:
        job_filter: which jobs.
        now: the present, with its zone.

    Returns:
        Conditions on ``flow_run``, all of which must hold.
    """
    runs = flow_run.c
    found = [stands(), *_due(job_filter, now), *_held(job_filter)]
    if job_filter.statuses:
        found.append(of_statuses(job_filter.statuses))
    if job_filter.types:
        names = [canonical(job_type) for job_type in job_filter.types]
        found.append(runs.flow_id.in_(select(flow.c.id).where(flow.c.name.in_(names))))
    if job_filter.pool is not None:
        queues = select(work_queue.c.id).join(work_pool, work_pool.c.id == work_queue.c.work_pool_id)
        found.append(runs.work_queue_id.in_(queues.where(work_pool.c.name == job_filter.pool)))
    if job_filter.lane is not None:
        found.append(runs.work_queue_name == job_filter.lane)
    if job_filter.text:
        found.append(runs.name.icontains(job_filter.text, autoescape=True))
    if job_filter.ended_since is not None:
        found.append(runs.end_time >= job_filter.ended_since)
    return found


def of_statuses(statuses: Iterable[JobStatus]) -> ColumnElement[bool]:
    """Runs of these statuses; of those, waiting for a slot is known by the name of the state alone."""
    chosen = set(statuses)
    types = sorted(kind for status in chosen for kind in STATE_TYPES[status])
    of_type = flow_run.c.state_type.in_(types)
    for_a_slot = and_(flow_run.c.state_type == "SCHEDULED", flow_run.c.state_name == AWAITING_SLOT)
    if JobStatus.PENDING in chosen and JobStatus.QUEUED not in chosen:
        return and_(of_type, flow_run.c.state_name != AWAITING_SLOT)
    if JobStatus.QUEUED in chosen and JobStatus.PENDING not in chosen:
        return or_(of_type, for_a_slot)
    return of_type


def stands() -> ColumnElement[bool]:
    """Runs that stand for their job; those that another has replaced do not."""
    return flow_run.c.state_name.is_distinct_from(REPLACED)


def due(now: datetime) -> ColumnElement[bool]:
    """Runs that are due, or were; those that schedules make ahead are not."""
    return flow_run.c.expected_start_time <= now + CLOCKS_APART


def tagged(tag: str, run: FromClause = flow_run) -> ColumnElement[bool]:
    """Runs that bear a tag."""
    return run.c.tags.contains(literal([tag], JSONB))


def label(name: str, run: FromClause = flow_run) -> ColumnElement[str]:
    """A label of a run as text, in the words of its index."""
    return _field(run.c.labels, name)


def parameter(name: str) -> ColumnElement[str]:
    """A parameter of a run as text, in the words of its index."""
    return _field(flow_run.c.parameters, name)


def _field(column: ColumnElement[Any], name: str) -> ColumnElement[str]:
    """A field, named within the statement itself: an index counts only for the very expression it was made with."""
    quoted: ColumnElement[str] = literal_column("'" + name.replace("'", "''") + "'")
    return column.op("->>", return_type=String())(quoted)


def _due(job_filter: JobFilter, now: datetime) -> list[ColumnElement[bool]]:
    """A run's expected start is set once: a retry in the future keeps its past one, and stays in."""
    expected, found = flow_run.c.expected_start_time, []
    if not job_filter.include_not_due:
        found.append(due(now))
    if job_filter.since is not None:
        found.append(expected >= job_filter.since)
    if job_filter.until is not None:
        found.append(expected <= job_filter.until)
    return found


def _held(job_filter: JobFilter) -> list[ColumnElement[bool]]:
    """What stands in the tags, labels and parameters of a run."""
    found: list[ColumnElement[bool]] = []
    batch = None if job_filter.batch is None else batch_tag(job_filter.batch)
    dead = DEAD_LETTER if job_filter.dead_letter else None
    found += [tagged(tag) for tag in (job_filter.tag, batch, dead) if tag is not None]
    if job_filter.failure_class is not None:  # the label stays on a job that has completed since
        found += [label(CLASS_LABEL) == str(job_filter.failure_class), flow_run.c.state_type != "COMPLETED"]
    if job_filter.worker is not None:
        found.append(label(WORKER_LABEL) == job_filter.worker)
    if job_filter.video_id is not None:
        found.append(parameter("video_id") == str(job_filter.video_id))
    return found
