"""Jobs counted: by type, status, pool, lane and engine."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import ColumnElement, Connection, func, or_, select

from reelmill.dispatch.runs.job_filter import FINAL_TYPES, STATE_TYPES
from reelmill.dispatch.tables.conditions import due, label, of_statuses, stands, tagged
from reelmill.dispatch.tables.prefect_tables import STATE_TYPES as STATE_TYPES_OF_RUNS
from reelmill.dispatch.tables.prefect_tables import flow, flow_run, flow_run_state, work_pool, work_queue
from reelmill.queue.encode_labels import ENGINE
from reelmill.queue.job import AWAITING_RETRY, JobStatus, status_of
from reelmill.queue.retry_policy import DEAD_LETTER

#: Statuses of a job that no process works on, and that nobody has paused.
WAITING: Final = (JobStatus.PENDING, JobStatus.QUEUED)

_NOWHERE: Final = ("", "")


@dataclass(frozen=True)
class JobCount:
    """How many jobs are alike in all of these."""

    type: str
    status: JobStatus
    pool: str  # empty: in none, as one that a notebook runs
    lane: str
    engine: str  # of completed encodes: software, nvenc, …; else empty
    jobs: int


@dataclass(frozen=True)
class Failures:
    """What failed for good, and how often jobs were tried again; by job type."""

    dead_letters: Mapping[str, int]
    retries: Mapping[str, int]


@dataclass(frozen=True)
class RunTimes:
    """How long jobs of one type ran."""

    jobs: int
    mean_seconds: float


def counts(connection: Connection, now: datetime) -> list[JobCount]:
    """Every job that is or was due, counted; those that were archived are not among them.

    Args:
        connection: to read by.
        now: the present, with its zone.

    Returns:
        The counts above 0.
    """
    names, lanes = _flow_names(connection), _lanes(connection)
    runs, engine = flow_run.c, label(ENGINE)
    counted = _by_state(connection, names, lanes, due(now))
    of_engine = (
        select(runs.flow_id, runs.work_queue_id, engine, func.count())
        .where(engine.is_not(None), of_statuses([JobStatus.COMPLETED]), due(now))
        .group_by(runs.flow_id, runs.work_queue_id, engine)
    )
    for flow_id, queue_id, used, jobs in connection.execute(of_engine):
        key = (names[flow_id], JobStatus.COMPLETED, *lanes.get(queue_id, _NOWHERE))
        counted[*key, ""] -= jobs
        counted[*key, used] += jobs
    return [JobCount(*key, jobs) for key, jobs in sorted(counted.items()) if jobs > 0]


def under_way(connection: Connection, now: datetime) -> list[JobCount]:
    """The jobs that are due and not over, counted: a few among very many, which an index of ours finds.

    Args:
        connection: to read by.
        now: the present, with its zone.

    Returns:
        The counts above 0.
    """
    state_type = flow_run.c.state_type
    live = or_(state_type.is_(None), state_type.in_([kind for kind in STATE_TYPES_OF_RUNS if kind not in FINAL_TYPES]))
    counted = _by_state(connection, _flow_names(connection), _lanes(connection), due(now), live)
    return [JobCount(*key, jobs) for key, jobs in sorted(counted.items())]


def _by_state(
    connection: Connection,
    names: Mapping[object, str],
    lanes: Mapping[object, tuple[str, str]],
    *conditions: ColumnElement[bool],
) -> Counter[tuple[str, JobStatus, str, str, str]]:
    """Jobs counted, of no engine; names and lanes are those of the ids of flows and queues."""
    runs = flow_run.c
    counted: Counter[tuple[str, JobStatus, str, str, str]] = Counter()
    # Without a join and without labels, an index of ours holds all that is read.
    keys = (runs.state_type, runs.flow_id, runs.work_queue_id, runs.state_name)
    of_state = select(*keys, func.count()).where(*conditions, stands()).group_by(*keys)
    for state_type, flow_id, queue_id, state_name, jobs in connection.execute(of_state):
        status = status_of(state_type or "SCHEDULED", state_name or "")
        counted[names[flow_id], status, *lanes.get(queue_id, _NOWHERE), ""] += jobs
    return counted


def waiting(connection: Connection, now: datetime) -> dict[tuple[str, str], int]:
    """How many jobs wait, by pool and lane."""
    lanes, found = _lanes(connection), Counter[tuple[str, str]]()
    grouped = select(flow_run.c.work_queue_id, func.count()).where(due(now), stands(), of_statuses(WAITING))
    for queue_id, jobs in connection.execute(grouped.group_by(flow_run.c.work_queue_id)):
        if queue_id in lanes:
            found[lanes[queue_id]] += jobs
    return dict(found)


def failures(connection: Connection) -> Failures:
    """What failed for good, and how often jobs were tried again, of all that are not archived."""
    names, runs = _flow_names(connection), flow_run.c
    again = select(runs.flow_id, func.count()).join(flow_run_state, flow_run_state.c.flow_run_id == runs.id)
    again = again.where(flow_run_state.c.name == AWAITING_RETRY).group_by(runs.flow_id)
    retries = {names[flow_id]: jobs for flow_id, jobs in connection.execute(again).tuples()}
    return Failures(dead_letters(connection), retries)


def dead_letters(connection: Connection) -> dict[str, int]:
    """How many jobs that are not archived failed for good, by job type."""
    names, flow_id = _flow_names(connection), flow_run.c.flow_id
    dead = select(flow_id, func.count()).where(tagged(DEAD_LETTER), of_statuses([JobStatus.FAILED])).group_by(flow_id)
    return {names[key]: jobs for key, jobs in connection.execute(dead).tuples()}


def run_times(connection: Connection, since: datetime, now: datetime) -> dict[str, RunTimes]:
    """How long completed jobs that were due since then ran, by job type."""
    columns = (flow.c.name, func.count(), func.avg(func.extract("epoch", flow_run.c.total_run_time)))
    of_type = (
        select(*columns)
        .join_from(flow_run, flow, flow.c.id == flow_run.c.flow_id)
        .where(flow_run.c.state_type.in_(STATE_TYPES[JobStatus.COMPLETED]))
        .where(flow_run.c.expected_start_time >= since, due(now))
        .group_by(flow.c.name)
    )
    return {name: RunTimes(jobs, float(seconds)) for name, jobs, seconds in connection.execute(of_type)}


def _flow_names(connection: Connection) -> dict[object, str]:
    return dict(connection.execute(select(flow.c.id, flow.c.name)).tuples().all())


def _lanes(connection: Connection) -> dict[object, tuple[str, str]]:
    """Pool and lane of each queue, by its id."""
    columns = (work_queue.c.id, work_pool.c.name, work_queue.c.name)
    of_pool = work_pool.c.id == work_queue.c.work_pool_id
    rows = connection.execute(select(*columns).join_from(work_queue, work_pool, of_pool))
    return {queue_id: (pool, lane) for queue_id, pool, lane in rows}
