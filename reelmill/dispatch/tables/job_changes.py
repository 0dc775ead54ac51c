"""What has changed since a moment: jobs that are in another state or further on, and jobs that have ended.

A change that is committed late is not missed: see ``snapshots``. The time in a cursor only bounds how far back rows are
looked at, by the database's own clock, and no transaction of the server takes as long as that.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, Row, Table, func, select

from reelmill.dispatch.reading import Progress
from reelmill.dispatch.tables import cursors, job_progress, snapshots
from reelmill.dispatch.tables.conditions import label, stands
from reelmill.dispatch.tables.prefect_tables import artifact, flow, flow_run
from reelmill.queue.encode_labels import ENGINE
from reelmill.queue.job import FINAL, Job, JobStatus, status_of

#: The most jobs of one reading; a bulk action may change 100,000.
MOST: Final = 1000

_KIND: Final = "changes"
_BACK: Final = timedelta(minutes=5)  # that a transaction may take from its first row to its commit
_FINAL_TYPES: Final = ("COMPLETED", "FAILED", "CRASHED", "CANCELLED")


@dataclass(frozen=True)
class Changes:
    """The jobs that have changed since a cursor, as they are now."""

    jobs: list[Job]
    progress: dict[uuid.UUID, Progress]  # by ``Job.id``, of those of them that report any
    cursor: str  # hand it back for what comes after these
    complete: bool = True  # False: more have changed than these, and lists are to be read anew


@dataclass(frozen=True)
class FinishedJob:
    """One run that has ended."""

    id: uuid.UUID
    type: str
    status: JobStatus
    engine: str  # of encodes: software, nvenc, …; else empty
    ended: datetime
    seconds: float  # that it ran, over all its attempts
    waited: float | None  # seconds from when it was due to its first start; None where it never started


@dataclass(frozen=True)
class FinishedCursor:
    """Where a reading of finished jobs goes on."""

    snapshot: str
    time: datetime
    counted: frozenset[tuple[uuid.UUID, datetime]]  # runs with their ends that are not to be counted twice


@dataclass(frozen=True)
class FinishedJobs:
    """The runs that have ended since a cursor, each end once."""

    jobs: list[FinishedJob]
    cursor: FinishedCursor


def changed_runs(connection: Connection, after: str | None) -> tuple[list[uuid.UUID], str, bool]:
    """The runs that have changed.

    Args:
        connection: to read by.
        after: cursor of the reading before; None, or one of another database: nothing has changed yet.

    Returns:
        Their ids, the cursor of the next reading, and whether these are all.

    Raises:
        UserError: that is no cursor.
    """
    snapshot, now = snapshots.present(connection), _now(connection)
    cursor = cursors.encode(_KIND, snapshot, now)
    if after is None:
        return [], cursor, True
    seen, time = cursors.decode(_KIND, after, 2)
    seen, (at, _) = cursors.snapshot(seen, after), cursors.place((time, _NO_ID), after)
    if not snapshots.is_of_here(connection, seen):
        return [], cursor, False
    runs = select(flow_run.c.id).where(stands(), *_since(flow_run, flow_run.c.updated, seen, at))
    ids = list(connection.scalars(runs.order_by(flow_run.c.updated).limit(MOST + 1)))
    bars = job_progress.changed_runs(connection, _since(*_BARS, seen, at), MOST + 1)
    every = list(dict.fromkeys([*ids, *bars]))
    return every[:MOST], cursor, len(every) <= MOST


def finished(connection: Connection, after: FinishedCursor | None) -> FinishedJobs:
    """The runs that have ended since a cursor; see ``JobReader.finished_since``."""
    snapshot, now = snapshots.present(connection), _now(connection)
    if after is None or not snapshots.is_of_here(connection, after.snapshot):
        return FinishedJobs([], FinishedCursor(snapshot, now, frozenset()))
    columns = (
        flow_run.c.id, flow_run.c.state_type, flow_run.c.state_name, flow_run.c.end_time, flow_run.c.total_run_time,
        flow_run.c.start_time, flow_run.c.expected_start_time, flow.c.name.label("type"),
        label(ENGINE).label("engine"),
    )  # fmt: skip
    chosen = (
        select(*columns)
        .join_from(flow_run, flow, flow.c.id == flow_run.c.flow_id)
        .where(stands(), flow_run.c.state_type.in_(_FINAL_TYPES), flow_run.c.end_time > after.time - _BACK)
        .where(*_since(flow_run, flow_run.c.updated, after.snapshot, after.time))
    )
    jobs = [_finished(row) for row in connection.execute(chosen)]
    new = [job for job in jobs if (job.id, job.ended) not in after.counted and job.status in FINAL]
    recent = {key for key in after.counted if key[1] > now - 2 * _BACK}
    counted = frozenset(recent | {(job.id, job.ended) for job in new})
    return FinishedJobs(new, FinishedCursor(snapshot, now, counted))


def _finished(row: Row[Any]) -> FinishedJob:
    started, due = row.start_time, row.expected_start_time
    return FinishedJob(
        id=row.id,
        type=row.type,
        status=status_of(row.state_type, row.state_name),
        engine=row.engine or "",
        ended=row.end_time,
        seconds=row.total_run_time.total_seconds(),
        waited=None if started is None or due is None else max(0.0, (started - due).total_seconds()),
    )


def _now(connection: Connection) -> datetime:
    """The start of this transaction by the database's clock, by which rows are written."""
    return connection.scalars(select(func.now())).one()


def _since(table: Table, updated: ColumnElement[datetime], seen: str, at: datetime) -> Sequence[ColumnElement[bool]]:
    return (updated > at - _BACK, snapshots.perhaps_unseen(table, seen))


_BARS: Final = (artifact, artifact.c.updated)
_NO_ID: Final = str(uuid.UUID(int=0))
