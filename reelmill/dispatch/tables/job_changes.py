"""What has changed since a moment: jobs that are in another state or further on.

A change that is committed late is not missed: see ``snapshots``. The time in a cursor only bounds how far back rows are
looked at, by the database's own clock, and no transaction of the server takes as long as that.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import ColumnElement, Connection, Table, func, select

from reelmill.dispatch.reading import Progress
from reelmill.dispatch.tables import cursors, job_progress, snapshots
from reelmill.dispatch.tables.conditions import stands
from reelmill.dispatch.tables.prefect_tables import artifact, flow_run
from reelmill.queue.job import Job

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


def _now(connection: Connection) -> datetime:
    """The start of this transaction by the database's clock, by which rows are written."""
    return connection.scalars(select(func.now())).one()


def _since(table: Table, updated: ColumnElement[datetime], seen: str, at: datetime) -> Sequence[ColumnElement[bool]]:
    return (updated > at - _BACK, snapshots.perhaps_unseen(table, seen))


_BARS: Final = (artifact, artifact.c.updated)
_NO_ID: Final = str(uuid.UUID(int=0))
