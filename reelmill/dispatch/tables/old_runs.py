"""Runs that ended long ago: which may leave the server."""

from __future__ import annotations

import uuid
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import (
    ARRAY,
    ColumnElement,
    Connection,
    FromClause,
    Row,
    Text,
    Uuid,
    and_,
    case,
    cast,
    exists,
    func,
    literal,
    select,
)

from reelmill.catalogue.models import ArchivedJobs, ArchivedRun
from reelmill.dispatch.tables.conditions import due, label, stands, tagged
from reelmill.dispatch.tables.prefect_tables import flow, flow_run
from reelmill.queue.encode_labels import EncodeFigures
from reelmill.queue.job import JobStatus, status_of
from reelmill.queue.job_chain import JOB_LABEL, REPLACED
from reelmill.queue.job_variables import whole_number
from reelmill.queue.retry_policy import DEAD_LETTER, RETRIES_LABEL

_FINAL_TYPES: Final = ("COMPLETED", "FAILED", "CRASHED", "CANCELLED")
_FAILED_TYPES: Final = ("FAILED", "CRASHED")
_ID: Final = "^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$"


@dataclass(frozen=True)
class Age:
    """Which runs are old."""

    before: datetime  # they ended
    now: datetime
    dead_letters: bool = False  # those, too
    kept_tags: tuple[str, ...] = ()  # of batches that go on: none that bears one


def count(connection: Connection, age: Age) -> Counter[JobStatus]:
    """How many jobs are old, by their status.

    Args:
        connection: to read by.
        age: which are.

    Returns:
        The counts above 0.
    """
    keys = (flow_run.c.state_type, flow_run.c.state_name)
    chosen = select(*keys, func.count()).where(stands(), *_old(age)).group_by(*keys)
    counted: Counter[JobStatus] = Counter()
    for state_type, state_name, jobs in connection.execute(chosen):
        counted[status_of(state_type, state_name or "")] += jobs
    return counted


def choose(connection: Connection, age: Age, limit: int, file: str) -> list[ArchivedRun]:
    """Old runs, those that ended first before the others; none of a job that another run of is not old.

    Args:
        connection: to read by.
        age: which are old.
        limit: the most runs.
        file: that they are to be written to.

    Returns:
        The runs with what totals hold of them.
    """
    runs = flow_run.c
    columns = (
        runs.id, runs.end_time, runs.state_type, runs.state_name, runs.total_run_time, runs.labels, runs.tags,
        flow.c.name,
    )  # fmt: skip
    chosen = select(*columns).join_from(flow_run, flow, flow.c.id == runs.flow_id).where(*_old(age))
    rows = connection.execute(chosen.order_by(runs.end_time, runs.id).limit(limit))
    return [_archived(row, file) for row in rows]


def present(connection: Connection, ended: Mapping[uuid.UUID, datetime]) -> tuple[set[uuid.UUID], set[uuid.UUID]]:
    """Which of some runs are still there.

    Args:
        connection: to read by.
        ended: when each of them had ended.

    Returns:
        Those that are there, and those of them that were tried again since.
    """
    runs = flow_run.c
    ids = func.any(literal(list(ended), ARRAY(Uuid)))
    rows = connection.execute(select(runs.id, runs.state_type, runs.end_time).where(runs.id == ids)).all()
    revived = {row.id for row in rows if row.state_type not in _FINAL_TYPES or row.end_time != ended[row.id]}
    return {row.id for row in rows}, revived


def archived(connection: Connection) -> Iterator[tuple[str, str, int, int]]:
    """The jobs that are in the archive alone, those among them that are not in its totals yet.

    Args:
        connection: to read by, within one moment.

    Yields:
        Job type, status, how many there are, and how many of those were out of retries; one may come in two portions.
    """
    totals, on_the_way = ArchivedJobs.__table__.c, ArchivedRun.__table__.c  # type: ignore[attr-defined]
    counted = select(totals.job_type, totals.status, totals.jobs, totals.dead_letters)
    still_there = exists(select(literal(1)).where(flow_run.c.id == on_the_way.id))
    keys = (on_the_way.job_type, on_the_way.status)
    others = select(*keys, func.count(), func.sum(on_the_way.dead_letters)).group_by(*keys)
    others = others.where(on_the_way.written, on_the_way.job_type.is_not(None), ~still_there)
    for statement in (counted, others):
        yield from connection.execute(statement).tuples()


def _old(age: Age) -> list[ColumnElement[bool]]:
    """What holds for an old run; every other run of the same job is old, too."""
    other = flow_run.alias("other")
    own = label(JOB_LABEL)
    of_job = label(JOB_LABEL, other) == func.coalesce(own, cast(flow_run.c.id, Text))
    first = other.c.id == case((own.regexp_match(_ID), cast(own, Uuid)))
    claimed = select(literal(1)).where(ArchivedRun.__table__.c.id == flow_run.c.id)  # type: ignore[attr-defined]
    return [
        *_over(flow_run, age),
        due(age.now),
        ~exists(select(literal(1)).where(of_job, ~func.coalesce(and_(*_over(other, age)), False))),
        ~exists(select(literal(1)).where(first, ~func.coalesce(and_(*_over(other, age)), False))),
        ~exists(claimed),
    ]


def _over(run: FromClause, age: Age) -> list[ColumnElement[bool]]:
    found: list[ColumnElement[bool]] = [run.c.state_type.in_(_FINAL_TYPES), run.c.end_time < age.before]
    if not age.dead_letters:
        found.append(~and_(tagged(DEAD_LETTER, run), run.c.state_type.in_(_FAILED_TYPES)))
    if age.kept_tags:
        found.append(~run.c.tags.has_any(literal(list(age.kept_tags), ARRAY(Text))))
    return found


def _archived(row: Row[Any], file: str) -> ArchivedRun:
    labels, status = row.labels or {}, status_of(row.state_type, row.state_name or "")
    return ArchivedRun(
        id=row.id,
        file=file,
        ended=row.end_time,
        job_type=None if row.state_name == REPLACED else row.name,
        status=str(status),
        engine=EncodeFigures.from_labels(labels).engine,
        dead_letters=int(status is JobStatus.FAILED and DEAD_LETTER in (row.tags or ())),
        retries=whole_number(labels.get(RETRIES_LABEL), 0),
        seconds=row.total_run_time.total_seconds() if row.total_run_time is not None else 0.0,
    )
