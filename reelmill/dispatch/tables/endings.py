"""How jobs ended, each with all that metrics add up; and those that are tried again."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Connection, Row, and_, func, or_, select

from reelmill.dispatch.tables.conditions import label, of_statuses, stands, tagged
from reelmill.dispatch.tables.prefect_tables import flow, flow_run
from reelmill.queue.encode_labels import EncodeFigures
from reelmill.queue.job import AWAITING_RETRY, RULE_TIME, JobStatus, status_of
from reelmill.queue.job_variables import whole_number
from reelmill.queue.retry_policy import DEAD_LETTER, RETRIES_LABEL, RETRYABLE_LABEL

_FINAL_TYPES: Final = ("COMPLETED", "FAILED", "CRASHED", "CANCELLED")
_AT_ONCE: Final = 2_000  # rows that are fetched by one request


@dataclass(frozen=True)
class Ending:
    """One end of one job; a job that is sent back after it has failed has another."""

    state_id: uuid.UUID  # of the state that ended it
    written: datetime  # when its run was last changed, by the database's clock
    ended: datetime
    type: str
    status: JobStatus
    seconds: float  # that it ran, over all its attempts
    waited: float | None  # seconds from when it was due to its first start; None where it never started
    retries: int  # by the retry rule, in its last count
    dead_letter: bool
    encode: EncodeFigures


def endings(connection: Connection, after: datetime | None, now: datetime) -> Iterator[Ending]:
    """How jobs ended; those that the retry rule has not decided about yet are left for later.

    Args:
        connection: to read by.
        after: runs that were changed after it; None: all.
        now: the present, with its zone.

    Yields:
        Each ending; one may come again after its run was changed in another way.
    """
    runs = flow_run.c
    columns = (
        runs.state_id, runs.updated, runs.end_time, flow.c.name, runs.state_type, runs.state_name, runs.total_run_time,
        runs.start_time, runs.expected_start_time, runs.labels, runs.tags,
    )  # fmt: skip
    settled = or_(
        runs.state_type.in_(("COMPLETED", "CANCELLED")),
        runs.end_time < now - RULE_TIME,
        tagged(DEAD_LETTER),
        label(RETRYABLE_LABEL) == "false",
    )
    chosen = (
        select(*columns)
        .join_from(flow_run, flow, flow.c.id == runs.flow_id)
        .where(runs.state_type.in_(_FINAL_TYPES), runs.state_id.is_not(None), runs.end_time.is_not(None))
        .where(stands(), settled)
    )
    if after is not None:
        chosen = chosen.where(runs.updated > after)
    streamed = connection.execution_options(stream_results=True, yield_per=_AT_ONCE)
    for row in streamed.execute(chosen):
        yield _ending(row)


def awaiting_retry(connection: Connection, now: datetime) -> int:
    """How many jobs are to be tried again at a later time."""
    later = and_(flow_run.c.state_name == AWAITING_RETRY, flow_run.c.next_scheduled_start_time > now)
    return connection.scalar(select(func.count()).select_from(flow_run).where(stands(), later)) or 0


def dead_letters(connection: Connection) -> int:
    """How many jobs are out of retries."""
    dead = (tagged(DEAD_LETTER), of_statuses([JobStatus.FAILED]))
    return connection.scalar(select(func.count()).select_from(flow_run).where(stands(), *dead)) or 0


def _ending(row: Row[Any]) -> Ending:
    labels, started, due = row.labels or {}, row.start_time, row.expected_start_time
    status = status_of(row.state_type, row.state_name or "")
    return Ending(
        state_id=row.state_id,
        written=row.updated,
        ended=row.end_time,
        type=row.name,
        status=status,
        seconds=row.total_run_time.total_seconds(),
        waited=None if started is None or due is None else max(0.0, (started - due).total_seconds()),
        retries=whole_number(labels.get(RETRIES_LABEL), 0),
        dead_letter=status is JobStatus.FAILED and DEAD_LETTER in (row.tags or ()),
        encode=EncodeFigures.from_labels(labels),
    )
