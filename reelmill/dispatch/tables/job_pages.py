"""Pages of jobs, the newest first: counted by page, or going on from a cursor while new jobs come in."""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, Select, func, select

from reelmill.dispatch.runs.job_filter import JobFilter
from reelmill.dispatch.tables import cursors
from reelmill.dispatch.tables.conditions import conditions
from reelmill.dispatch.tables.prefect_tables import flow_run
from reelmill.dispatch.tables.run_rows import runs
from reelmill.errors import WrongParameter
from reelmill.queue.job import Job
from reelmill.queue.job_chain import public_id

#: The most jobs on a page.
LARGEST: Final = 200

_KIND: Final = "jobs"
_ORDER: Final = (flow_run.c.created.desc(), flow_run.c.id.desc())


def page_statement(job_filter: JobFilter, now: datetime, page: int, size: int, before: str | None) -> Select[Any]:
    """The statement that reads one page.

    Args:
        job_filter: which jobs.
        now: the present, with its zone.
        page: 1 is the first; does not count where ``before`` is given.
        size: jobs on a page.
        before: the cursor of the page before; None: the page is counted.

    Returns:
        A statement of ``run_rows``, which reads one job more: whether there is a page after this one.

    Raises:
        WrongParameter: there can be no such page.
        UserError: that is no cursor.
    """
    if page < 1 or not 1 <= size <= LARGEST:
        raise WrongParameter(
            f"Page {page} of {size} jobs cannot be: pages count from 1 and hold 1 to {LARGEST} jobs.", "page", page
        )
    chosen = select(flow_run.c.id).where(*conditions(job_filter, now)).order_by(*_ORDER).limit(size + 1)
    chosen = chosen.offset((page - 1) * size) if before is None else chosen.where(_older(before))
    return runs().where(flow_run.c.id.in_(chosen.scalar_subquery())).order_by(*_ORDER)


def count_statement(job_filter: JobFilter, now: datetime) -> Select[tuple[int]]:
    """The statement that counts the jobs on all pages."""
    return select(func.count()).select_from(flow_run).where(*conditions(job_filter, now))


def total(connection: Connection, job_filter: JobFilter, now: datetime) -> int:
    """How many jobs a filter chooses."""
    return connection.scalars(count_statement(job_filter, now)).one()


def public_ids(connection: Connection, job_filter: JobFilter, now: datetime) -> dict[uuid.UUID, uuid.UUID]:
    """The public id of each job that a filter chooses, by the id of its run, the newest first."""
    chosen = select(flow_run.c.id, flow_run.c.labels).where(*conditions(job_filter, now)).order_by(*_ORDER)
    return {run_id: public_id(run_id, labels or {}) for run_id, labels in connection.execute(chosen)}


def cursor_after(found: list[Job], size: int) -> str | None:
    """The cursor of the page after this one.

    Args:
        found: the jobs that ``page_statement`` reads.
        size: jobs on a page.

    Returns:
        The cursor; None where this page is the last.
    """
    if len(found) <= size:
        return None
    return cursors.encode(_KIND, found[size - 1].created, found[size - 1].id)


def _older(cursor: str) -> ColumnElement[bool]:
    place = cursors.place(cursors.decode(_KIND, cursor, 2), cursor)
    return cursors.is_before((flow_run.c.created, flow_run.c.id), place)
