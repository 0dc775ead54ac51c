"""Runs as the facts that jobs are made of: the same as the ones read through Prefect's API."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Connection, Row, Select, select

from reelmill.dispatch.tables.prefect_tables import deployment, flow, flow_run, flow_run_state, work_pool, work_queue
from reelmill.queue.job import Job, RunFacts, job_view
from reelmill.queue.job_variables import form_defaults, merged

_COLUMNS: Final = (
    flow_run.c.id,
    flow_run.c.name,
    flow_run.c.deployment_id,
    flow_run.c.state_type,
    flow_run.c.state_name,
    flow_run.c.expected_start_time,
    flow_run.c.parameters,
    flow_run.c.work_queue_name,
    flow_run.c.tags,
    flow_run.c.labels,
    flow_run.c.job_variables,
    flow_run.c.run_count,
    flow_run.c.created,
    flow_run.c.start_time,
    flow_run.c.end_time,
    flow.c.name.label("flow_name"),
    flow_run_state.c.message,
    flow_run_state.c.state_details.op("->>")("scheduled_time").label("scheduled_time"),
    work_pool.c.name.label("pool_name"),
    deployment.c.infra_overrides,
)


def runs() -> Select[Any]:
    """The statement that reads runs with all that jobs are made of; the caller adds which, and in what order."""
    return (
        select(*_COLUMNS)
        .join_from(flow_run, flow, flow.c.id == flow_run.c.flow_id)
        .outerjoin(flow_run_state, flow_run_state.c.id == flow_run.c.state_id)
        .outerjoin(work_queue, work_queue.c.id == flow_run.c.work_queue_id)
        .outerjoin(work_pool, work_pool.c.id == work_queue.c.work_pool_id)
        .outerjoin(deployment, deployment.c.id == flow_run.c.deployment_id)
    )


def pool_variables(connection: Connection) -> dict[str, dict[str, Any]]:
    """The job variables that each pool's form gives to every run, by the pool's name."""
    form = work_pool.c.base_job_template[("variables", "properties")]  # the rest of it is large, and not needed
    forms = connection.execute(select(work_pool.c.name, form))
    return {name: form_defaults({"variables": {"properties": fields or {}}}) for name, fields in forms}


def jobs(connection: Connection, statement: Select[Any], now: datetime, max_retries: int) -> list[Job]:
    """The jobs that a statement reads.

    Args:
        connection: to read by.
        statement: of ``runs``.
        now: the present, with its zone.
        max_retries: the setting of that name.

    Returns:
        A job for each run, in the statement's order, without the reasons why they wait.
    """
    rows = connection.execute(statement).all()
    shared = pool_variables(connection) if rows else {}
    return [job_view(facts(row, shared), now, max_retries) for row in rows]


def jobs_of(
    connection: Connection, run_ids: Sequence[uuid.UUID], now: datetime, max_retries: int
) -> dict[uuid.UUID, Job]:
    """The jobs that these runs are, by the id of the run; one that is gone is left out."""
    chosen = runs().where(flow_run.c.id.in_(run_ids))
    return {job.id: job for job in jobs(connection, chosen, now, max_retries)} if run_ids else {}


def facts(row: Row[Any], shared: Mapping[str, Mapping[str, Any]]) -> RunFacts:
    """What Prefect holds of one run.

    Args:
        row: of ``runs``.
        shared: see ``pool_variables``.

    Returns:
        The facts.
    """
    # A run without a state exists for the moment between its two insertions.
    state_type = row.state_type or "SCHEDULED"
    deployed = row.deployment_id is not None
    return RunFacts(
        id=row.id,
        name=row.name,
        type=row.flow_name,
        state_type=state_type,
        state_name=row.state_name or "Scheduled",
        message=row.message,
        scheduled=_time(row.scheduled_time) if row.state_type == "SCHEDULED" else None,
        expected=row.expected_start_time,
        parameters=row.parameters,
        pool=row.pool_name,
        lane=row.work_queue_name,
        tags=tuple(sorted(row.tags)),
        labels=row.labels or {},
        variables=merged(
            *((shared.get(row.pool_name or "", {}), row.infra_overrides) if deployed else ()), row.job_variables
        ),
        attempt=row.run_count,
        created=row.created,
        started=row.start_time,
        ended=row.end_time,
    )


def _time(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)
