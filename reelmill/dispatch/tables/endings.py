"""How jobs ended, each with all that metrics add up; and those that are tried again."""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Connection, Row, and_, func, or_, select

from reelmill.dispatch.tables.conditions import label, of_statuses, stands, tagged
from reelmill.dispatch.tables.prefect_tables import flow, flow_run, flow_run_state, work_queue
from reelmill.dispatch.tables.rounds import FINAL_TYPES, PastState, Round, last_round
from reelmill.queue.encode_labels import EncodeFigures
from reelmill.queue.job import AWAITING_RETRY, RULE_TIME, JobStatus, status_of
from reelmill.queue.job_variables import whole_number
from reelmill.queue.retry_policy import DEAD_LETTER, RETRIES_LABEL, RETRYABLE_LABEL

#: Types of states that a job can be sent back from.
_BACK: Final = tuple(kind for kind in FINAL_TYPES if kind != "COMPLETED")

_AT_ONCE: Final = 2_000  # rows that are fetched by one request


@dataclass(frozen=True)
class Ending:
    """One end of one job; a job that is sent back after it has failed has another."""

    state_id: uuid.UUID  # of the state that ended it
    written: datetime  # when its run was last changed, by the database's clock
    ended: datetime
    type: str
    status: JobStatus
    seconds: float  # that it ran, over all its tries since a person last sent it back
    waited: float | None  # seconds from when it was due, or sent back, to its first start; None where it never started
    retries: int  # by the retry rule, since then
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
        runs.id, runs.run_count, runs.state_id, runs.updated, runs.end_time, flow.c.name, runs.state_type,
        runs.state_name, runs.total_run_time, runs.start_time, runs.expected_start_time, runs.labels, runs.tags,
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
        .where(runs.state_type.in_(FINAL_TYPES), runs.state_id.is_not(None), runs.end_time.is_not(None))
        .where(stands(), settled)
    )
    if after is not None:
        chosen = chosen.where(runs.updated > after)
    streamed = connection.execute(chosen, execution_options={"stream_results": True, "yield_per": _AT_ONCE})
    for rows in streamed.partitions():
        rounds = _rounds(connection, rows)
        for row in rows:
            yield _ending(row, rounds.get(row.id))


def awaiting_retry(connection: Connection, now: datetime) -> dict[str, int]:
    """How many jobs of each lane are to be tried again at a later time; the lane is empty for one that is in none."""
    later = and_(flow_run.c.state_name == AWAITING_RETRY, flow_run.c.next_scheduled_start_time > now)
    lane = func.coalesce(work_queue.c.name, "")
    counted = (
        select(lane, func.count())
        .select_from(flow_run.outerjoin(work_queue, work_queue.c.id == flow_run.c.work_queue_id))
        .where(stands(), later)
        .group_by(lane)
    )
    return dict(connection.execute(counted).tuples().all())


def dead_letters(connection: Connection) -> int:
    """How many jobs are out of retries."""
    dead = (tagged(DEAD_LETTER), of_statuses([JobStatus.FAILED]))
    return connection.scalar(select(func.count()).select_from(flow_run).where(stands(), *dead)) or 0


def _rounds(connection: Connection, rows: Sequence[Row[Any]]) -> dict[uuid.UUID, Round]:
    """The last round of those that were sent back; one that completed at its first try was not."""
    again = [row.id for row in rows if row.start_time is not None and (row.run_count > 1 or row.state_type in _BACK)]
    state = flow_run_state.c
    columns = (state.flow_run_id, state.type, state.name, state.message, state.timestamp)
    past: dict[uuid.UUID, list[PastState]] = {}
    for run_id, *values in connection.execute(select(*columns).where(state.flow_run_id.in_(again))) if again else ():
        past.setdefault(run_id, []).append(PastState(*values))
    return {run_id: found for run_id, states in past.items() if (found := last_round(states)) is not None}


def _ending(row: Row[Any], sent_back: Round | None) -> Ending:
    only = Round(row.total_run_time.total_seconds(), _first_wait(row))
    since, labels = sent_back or only, row.labels or {}
    status = status_of(row.state_type, row.state_name or "")
    return Ending(
        state_id=row.state_id,
        written=row.updated,
        ended=row.end_time,
        type=row.name,
        status=status,
        seconds=since.seconds,
        waited=since.waited,
        # Counting begins anew as it starts: until then its label is of the round before.
        retries=0 if sent_back and sent_back.waited is None else whole_number(labels.get(RETRIES_LABEL), 0),
        dead_letter=status is JobStatus.FAILED and DEAD_LETTER in (row.tags or ()),
        encode=EncodeFigures.from_labels(labels),
    )


def _first_wait(row: Row[Any]) -> float | None:
    if row.start_time is None or row.expected_start_time is None:
        return None
    return max(0.0, float((row.start_time - row.expected_start_time).total_seconds()))
