"""The runs that one job has had: a change of lane makes a new run, and the job keeps its public id."""

from __future__ import annotations

import uuid

from sqlalchemy import ColumnElement, Connection, or_, select

from reelmill.dispatch.tables.conditions import label, stands
from reelmill.dispatch.tables.prefect_tables import flow_run, flow_run_state
from reelmill.dispatch.tables.timeline import StateRow
from reelmill.errors import UnknownName
from reelmill.queue.job_chain import JOB_LABEL, public_id


def of_job(job_id: uuid.UUID) -> ColumnElement[bool]:
    """The runs that a job of this public id has had."""
    return or_(flow_run.c.id == job_id, label(JOB_LABEL) == str(job_id))


def run_ids(connection: Connection, job_id: uuid.UUID) -> list[uuid.UUID]:
    """Every run that a job has had, the first one first.

    Args:
        connection: to read by.
        job_id: the job's public id, or the id of any of its runs.

    Returns:
        Their ids.

    Raises:
        UnknownName: no job has this id.
    """
    own = select(flow_run.c.id, flow_run.c.labels).where(of_job(job_id))
    found = connection.execute(own).first()
    if found is None:
        raise UnknownName(_no_job(job_id), str(job_id))
    first = public_id(found.id, found.labels or {})
    order = (flow_run.c.created, flow_run.c.id)
    return list(connection.scalars(select(flow_run.c.id).where(of_job(first)).order_by(*order)))


def present_run(connection: Connection, job_id: uuid.UUID) -> uuid.UUID:
    """The run that is meant by an id: of a public id the one that stands for the job now.

    Args:
        connection: to read by.
        job_id: the job's public id, or the id of any of its runs.

    Returns:
        The id of that run.

    Raises:
        UnknownName: no job has this id.
    """
    order = (flow_run.c.created.desc(), flow_run.c.id.desc())
    # A change of lane that came to nothing leaves a run that is past, newer than the one that has started.
    chosen = select(flow_run.c.id).where(of_job(job_id)).order_by(stands().desc(), *order)
    found: uuid.UUID | None = connection.scalars(chosen.limit(1)).first()
    if found is None:
        raise UnknownName(_no_job(job_id), str(job_id))
    return found


def states(connection: Connection, job_id: uuid.UUID) -> list[StateRow]:
    """The states of every run that a job has had, in no order; ``UnknownName`` where there is no such job."""
    state = flow_run_state.c
    columns = (state.flow_run_id, state.type, state.name, state.timestamp, state.message)
    chosen = select(*columns).where(state.flow_run_id.in_(run_ids(connection, job_id)))
    return [StateRow(*row) for row in connection.execute(chosen)]


def _no_job(job_id: uuid.UUID) -> str:
    return f"No job has the id {job_id}."
