"""Jobs that are there no more: their rows are gone, so that what removed them, and PostgreSQL's own count, say it."""

from __future__ import annotations

import uuid
from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, Table, select, text

from reelmill.catalogue.models import AuditEntry
from reelmill.dispatch.tables.prefect_tables import flow_run
from reelmill.queue.bulk_action import BulkAction

#: Where it is written down which jobs were cleared.
AUDIT: Final[Table] = AuditEntry.__table__  # type: ignore[attr-defined]

_DELETED: Final = text(f"SELECT pg_stat_get_tuples_deleted('{flow_run.name}'::regclass)")


def cleared(connection: Connection, since: list[ColumnElement[Any]], limit: int) -> list[uuid.UUID]:
    """The public ids of jobs that were cleared.

    Args:
        connection: to read by.
        since: conditions on entries of ``AUDIT``: which are looked at.
        limit: the most ids.

    Returns:
        The ids.
    """
    of_jobs = (AUDIT.c.action == str(BulkAction.CLEAR), AUDIT.c.job_id.is_not(None))
    return list(connection.scalars(select(AUDIT.c.job_id).where(*since, *of_jobs).order_by(AUDIT.c.id).limit(limit)))


def deleted_runs(connection: Connection) -> int:
    """How many runs were deleted, by whomever: what somebody deletes in the Prefect UI leaves no other trace.

    Args:
        connection: to read by.

    Returns:
        The number since PostgreSQL's statistics began, some seconds late.
    """
    return connection.scalar(_DELETED) or 0
