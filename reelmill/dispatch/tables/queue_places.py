"""How many jobs are served before one, in the order in which the server hands a pool's runs to its workers."""

from __future__ import annotations

import uuid
from datetime import datetime

from sqlalchemy import Connection, and_, func, or_, select

from reelmill.dispatch.tables import cursors
from reelmill.dispatch.tables.prefect_tables import flow_run, work_queue
from reelmill.queue.job import CLOCKS_APART


def place(connection: Connection, run_id: uuid.UUID, now: datetime) -> int | None:
    """The place of a waiting run in its pool; the next one has 1.

    Lanes come in their order, and within a lane what is due longest. A lane that is paused holds up nobody but its own.

    Args:
        connection: to read by.
        run_id: the run.
        now: the present, with its zone.

    Returns:
        Its place; None for one that is not due or does not wait in a lane.
    """
    own = connection.execute(
        select(flow_run.c.next_scheduled_start_time, flow_run.c.work_queue_id, work_queue.c.priority,
            work_queue.c.work_pool_id)
        .join_from(flow_run, work_queue, work_queue.c.id == flow_run.c.work_queue_id)
        .where(flow_run.c.id == run_id, flow_run.c.state_type == "SCHEDULED")
    ).first()  # fmt: skip
    if own is None or own.next_scheduled_start_time is None or own.next_scheduled_start_time > now + CLOCKS_APART:
        return None
    open_lane = and_(work_queue.c.is_paused.is_(False), work_queue.c.concurrency_limit.is_distinct_from(0))
    order = (work_queue.c.priority, flow_run.c.next_scheduled_start_time, flow_run.c.id)
    ahead = cursors.is_before(order, (own.priority, own.next_scheduled_start_time, run_id))
    before = (
        select(func.count())
        .select_from(flow_run)
        .join(work_queue, work_queue.c.id == flow_run.c.work_queue_id)
        .where(
            work_queue.c.work_pool_id == own.work_pool_id,
            flow_run.c.state_type == "SCHEDULED",
            flow_run.c.next_scheduled_start_time <= now + CLOCKS_APART,
            or_(open_lane, work_queue.c.id == own.work_queue_id),
            ahead,
        )
    )
    return 1 + connection.scalars(before).one()
