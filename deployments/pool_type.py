"""A pool made by an older version, of another worker type: Prefect cannot change the type, so it is made anew.

Its jobs that wait are not lost: each is handed in again once the new pool and its deployments stand.
"""

from __future__ import annotations

from collections.abc import Mapping
from uuid import UUID

from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.filters import (
    FlowRunFilter,
    FlowRunFilterState,
    FlowRunFilterStateType,
    WorkPoolFilter,
    WorkPoolFilterName,
)
from prefect.client.schemas.objects import FlowRun, StateType
from prefect.exceptions import ObjectNotFound
from prefect.states import Cancelled

from deployments.supervisor import Notify
from reelmill.dispatch.server.connection import read_pages
from reelmill.errors import SiteError
from reelmill.queue.job import DEFAULT_PRIORITY, LANES, lane_of
from reelmill.troubles import SiteTrouble
from workpools.pools import Pool


def take_down_if_of_another_type(client: SyncPrefectClient, pool: Pool, notify: Notify) -> list[FlowRun]:
    """Delete the pool if it is of another worker type.

    Args:
        client: of the server.
        pool: as it is to be.
        notify: called with a line if it was deleted.

    Returns:
        Its jobs that wait, for ``put_back``.

    Raises:
        SiteError: a job of it runs.
    """
    try:
        existing = client.read_work_pool(pool.name)
    except ObjectNotFound:
        return []
    if existing.type == pool.type:
        return []
    running = _runs(client, pool, StateType.RUNNING, StateType.PENDING, StateType.CANCELLING)
    if running:
        raise SiteError(
            f"The pool {pool.name} must be made anew for the worker type {pool.type}, and {len(running)} of its jobs "
            "run; let them end or cancel them, then start again.",
            SiteTrouble.JOBS_RUNNING,
            pool.name,
        )
    # Runs of a schedule are made again by the scheduler.
    waiting = [run for run in _runs(client, pool, StateType.SCHEDULED) if not run.auto_scheduled]
    client.delete_work_pool(pool.name)
    notify(f"pool {pool.name}: was of type {existing.type}, made anew")
    return waiting


def put_back(client: SyncPrefectClient, waiting: list[FlowRun], replaced: Mapping[UUID, UUID], notify: Notify) -> None:
    """Submit the jobs again, each in its lane; the old run is cancelled and names the new.

    Args:
        client: of the server.
        waiting: from ``take_down_if_of_another_type``.
        replaced: deployments that others have replaced, and by which.
        notify: called with a line if there were any.
    """
    for run in waiting:
        if run.deployment_id is None:
            continue
        again = client.create_flow_run_from_deployment(
            replaced.get(run.deployment_id, run.deployment_id),
            parameters=run.parameters,
            tags=run.tags,
            job_variables=run.job_variables,
            labels=run.labels,
            work_queue_name=run.work_queue_name if run.work_queue_name in LANES else lane_of(DEFAULT_PRIORITY),
        )
        message = f"Its pool was made anew; the job goes on as {again.name} ({again.id})."
        client.set_flow_run_state(run.id, Cancelled(message=message), force=True)
    if waiting:
        notify(f"{len(waiting)} waiting jobs handed in again")


def _runs(client: SyncPrefectClient, pool: Pool, *types: StateType) -> list[FlowRun]:
    chosen = FlowRunFilter(state=FlowRunFilterState(type=FlowRunFilterStateType(any_=list(types))))
    of_pool = WorkPoolFilter(name=WorkPoolFilterName(any_=[pool.name]))
    read = client.read_flow_runs
    return read_pages(
        lambda limit, offset: read(flow_run_filter=chosen, work_pool_filter=of_pool, limit=limit, offset=offset)
    )
