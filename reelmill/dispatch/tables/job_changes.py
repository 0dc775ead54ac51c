"""What has changed since a moment: jobs that are in another state, further on, or gone.

A change that is committed late is not missed: see ``snapshots``. The time in a cursor only bounds how far back rows are
looked at, by the database's own clock, and no transaction of the server takes as long as that.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, NamedTuple

from sqlalchemy import ColumnElement, Connection, Table, func, select

from reelmill.dispatch.runs.reading import Progress
from reelmill.dispatch.tables import cursors, job_progress, removed_jobs, snapshots
from reelmill.dispatch.tables.conditions import stands
from reelmill.dispatch.tables.prefect_tables import artifact, flow_run
from reelmill.queue.job import CLOCKS_APART, Job

#: The most jobs of one reading; a bulk action may change 100,000.
MOST: Final = 1000

_KIND: Final = "changes"
_BACK: Final = timedelta(minutes=5)  # that a transaction may take from its first row to its commit


@dataclass(frozen=True)
class Changes:
    """The jobs that have changed since a cursor, as they are now."""

    jobs: list[Job]
    progress: dict[uuid.UUID, Progress]  # by ``Job.id``, of those of them that report any
    cursor: str  # hand it back for what comes after these
    complete: bool = True  # False: more have changed than these, and lists are to be read anew
    removed: Sequence[uuid.UUID] = ()  # public ids of jobs that were cleared


class ChangedRuns(NamedTuple):
    """The runs that have changed since a cursor, by their ids."""

    ids: list[uuid.UUID]
    removed: list[uuid.UUID]  # public ids of jobs whose runs are gone
    cursor: str  # of the next reading
    complete: bool  # these are all


def changed_runs(connection: Connection, after: str | None) -> ChangedRuns:
    """The runs that have changed.

    Args:
        connection: to read by.
        after: cursor of the reading before; None, or one of another database: nothing has changed yet.

    Returns:
        The runs. They are not all where more have changed than one reading is of, and where runs were deleted, since
        of those that were not cleared (archived, deleted in the Prefect UI) only the number is known.

    Raises:
        UserError: that is no cursor.
    """
    snapshot, now, deleted = snapshots.present(connection), _now(connection), removed_jobs.deleted_runs(connection)
    cursor = cursors.encode(_KIND, snapshot, now, deleted)
    if after is None:
        return ChangedRuns([], [], cursor, True)
    seen, time, deleted_before = cursors.decode(_KIND, after, 3)
    seen, (at, _) = cursors.snapshot(seen, after), cursors.place((time, _NO_ID), after)
    if not snapshots.is_of_here(connection, seen):
        return ChangedRuns([], [], cursor, False)
    runs = select(flow_run.c.id).where(stands(), *_since(flow_run, flow_run.c.updated, seen, at))
    ids = list(connection.scalars(runs.order_by(flow_run.c.updated).limit(MOST + 1)))
    bars = job_progress.changed_runs(connection, _since(*_BARS, seen, at), MOST + 1)
    every = list(dict.fromkeys([*ids, *bars]))
    # By the clock of the node that cleared it, which may be behind.
    by_audit = _since(removed_jobs.AUDIT, removed_jobs.AUDIT.c.at, seen, at - CLOCKS_APART)
    removed = removed_jobs.cleared(connection, by_audit, MOST + 1)
    complete = max(len(every), len(removed)) <= MOST and str(deleted) == deleted_before
    return ChangedRuns(every[:MOST], removed[:MOST], cursor, complete)


def _now(connection: Connection) -> datetime:
    """The start of this transaction by the database's clock, by which rows are written."""
    return connection.scalars(select(func.now())).one()


def _since(table: Table, updated: ColumnElement[datetime], seen: str, at: datetime) -> list[ColumnElement[bool]]:
    return [updated > at - _BACK, snapshots.perhaps_unseen(table, seen)]


_BARS: Final = (artifact, artifact.c.updated)
_NO_ID: Final = str(uuid.UUID(int=0))
