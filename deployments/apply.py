"""Bring a Prefect server to what a site needs: pools, lanes, blocks, deployments.

Applied again it creates what is missing and leaves alone what an admin changed, unless ``reset``; what follows from the
code (a flow's parameters, description and entry point) is always brought up to date.
"""

from __future__ import annotations

from typing import Final
from uuid import UUID

from prefect import Flow
from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.actions import (
    DeploymentScheduleCreate,
    DeploymentUpdate,
    WorkPoolCreate,
    WorkPoolUpdate,
)
from prefect.client.schemas.objects import WorkQueue
from prefect.client.schemas.responses import DeploymentResponse
from prefect.client.schemas.schedules import CronSchedule
from prefect.exceptions import ObjectAlreadyExists, ObjectNotFound
from prefect.utilities.callables import parameter_schema

from blocks import MediaLibrary, TranscoderSettings
from blocks.stored import DEFAULT, SiteBlock
from deployments import renaming
from deployments.pool_type import put_back, take_down_if_of_another_type
from deployments.stanzas import Stanza, stanzas
from deployments.supervisor import Notify
from reelmill.dispatch import Dispatcher
from reelmill.errors import UserError
from reelmill.queue.job import DEFAULT_PRIORITY, LANES, lane_of
from workpools.pools import Pool, pools
from workpools.template import job_template

#: The queue Prefect makes with every pool; it becomes the lane of the default priority.
_PREFECTS_QUEUE: Final = "default"


def apply(client: SyncPrefectClient, *, reset: bool = False, notify: Notify = lambda _: None) -> None:
    """Bring the server up to date.

    Args:
        client: of the server.
        reset: put back what an admin changed.
        notify: called with a line on each thing that was created or reset.
    """
    waiting = []
    for pool in pools():
        waiting += take_down_if_of_another_type(client, pool, notify)
        _pool(client, pool, reset, notify)
        _lanes(client, pool, reset, notify)
    _blocks(reset, notify)
    replaced: dict[UUID, UUID] = {}
    for stanza in stanzas():
        replaced |= _deployment(client, stanza, reset, notify)
    put_back(client, waiting, replaced, notify)
    for sentence in Dispatcher(client).rules.point_anew():
        notify(sentence)
    renaming.delete_replaced(client, notify)


def _pool(client: SyncPrefectClient, pool: Pool, reset: bool, notify: Notify) -> None:
    template = job_template()
    try:
        client.read_work_pool(pool.name)
    except ObjectNotFound:
        client.create_work_pool(
            WorkPoolCreate(
                name=pool.name,
                type=pool.type,
                description=pool.description,
                concurrency_limit=pool.limit,
                base_job_template=template,
            )
        )
        notify(f"pool {pool.name}: created, limit {pool.limit}")
        return
    if reset:
        client.update_work_pool(
            pool.name,
            WorkPoolUpdate(
                description=pool.description,
                concurrency_limit=pool.limit,
                base_job_template=template,
                is_paused=False,
            ),
        )
        notify(f"pool {pool.name}: reset, limit {pool.limit}")


def _lanes(client: SyncPrefectClient, pool: Pool, reset: bool, notify: Notify) -> None:
    queues = {queue.name: queue for queue in client.read_work_queues(work_pool_name=pool.name)}
    missing = [name for name in LANES if name not in queues]
    default = lane_of(DEFAULT_PRIORITY)
    if default in missing and _PREFECTS_QUEUE in queues:
        client.update_work_queue(queues[_PREFECTS_QUEUE].id, name=default)
        missing.remove(default)
    for name in missing:
        try:
            client.create_work_queue(name=name, work_pool_name=pool.name)
        except ObjectAlreadyExists:  # another node is deploying at the same moment
            continue
    if missing:
        notify(f"pool {pool.name}: lanes {', '.join(missing)} created")
    if missing or reset:
        _order(client, pool, reset)


def _order(client: SyncPrefectClient, pool: Pool, reset: bool) -> None:
    """Give the lanes their priorities, in ascending order: the server shifts others to keep them unique."""
    queues: dict[str, WorkQueue] = {queue.name: queue for queue in client.read_work_queues(work_pool_name=pool.name)}
    for priority, name in enumerate(LANES, 1):
        if reset:
            client.update_work_queue(queues[name].id, priority=priority, is_paused=False, concurrency_limit=None)
        else:
            client.update_work_queue(queues[name].id, priority=priority)


def _blocks(reset: bool, notify: Notify) -> None:
    for kind in (MediaLibrary, TranscoderSettings):
        kind.register_type_and_schema()
        if not _is_saved(kind):
            kind().save(DEFAULT)
            notify(f"block {kind.get_block_type_slug()}/{DEFAULT}: created")
        elif reset:
            kind().save(DEFAULT, overwrite=True)
            notify(f"block {kind.get_block_type_slug()}/{DEFAULT}: reset")


def _is_saved(kind: type[SiteBlock]) -> bool:
    try:
        return kind.saved() is not None
    except UserError:  # it is, with values that cannot be: a reset takes them away, and jobs refuse to go by them
        return True


def _deployment(client: SyncPrefectClient, stanza: Stanza, reset: bool, notify: Notify) -> dict[UUID, UUID]:
    """Bring one up to date.

    Args:
        client: of the server.
        stanza: how it is listed.
        reset: put back what an admin changed.
        notify: called with a line where it was created or reset.

    Returns:
        The one that it has replaced, and its own id.
    """
    flow = stanza.flow()
    name = f"{flow.name}/{stanza.name}"
    replaced = renaming.set_aside(client, stanza, flow.name)
    try:
        _bring_up_to_date(client, client.read_deployment_by_name(name), stanza, reset, notify)
    except ObjectNotFound:
        if replaced is None or reset:
            _create(client, stanza, flow)
            notify(f"deployment {name}: created")
        else:
            renaming.make_from(client, replaced, stanza, flow)
            notify(f"deployment {name}: replaces {flow.name}/{replaced.name}")
    if replaced is None:
        return {}
    new = client.read_deployment_by_name(name).id
    renaming.redirect_automations(client, replaced.id, new, notify)
    return {replaced.id: new}


def _bring_up_to_date(
    client: SyncPrefectClient, existing: DeploymentResponse, stanza: Stanza, reset: bool, notify: Notify
) -> None:
    flow = stanza.flow()
    if reset:
        _create(client, stanza, flow)  # Prefect replaces a deployment of the same name, keeping its id
        notify(f"deployment {flow.name}/{stanza.name}: reset")
        return
    client.update_deployment(
        existing.id,
        DeploymentUpdate(
            work_pool_name=existing.work_pool_name or stanza.work_pool.name,
            work_queue_name=existing.work_queue_name or stanza.work_pool.work_queue_name,
            description=flow.description,
            entrypoint=stanza.entrypoint,
            parameter_openapi_schema=parameter_schema(flow).model_dump(exclude_unset=True),
            enforce_parameter_schema=True,
            pull_steps=[],
        ),
    )


def _create(client: SyncPrefectClient, stanza: Stanza, flow: Flow[..., object]) -> None:
    client.create_deployment(
        flow_id=client.create_flow_from_name(flow.name),
        name=stanza.name,
        description=flow.description,
        entrypoint=stanza.entrypoint,
        tags=stanza.tags,
        parameters=stanza.parameters,
        work_pool_name=stanza.work_pool.name,
        work_queue_name=stanza.work_pool.work_queue_name,
        job_variables=stanza.work_pool.job_variables.model_dump(exclude_none=True),
        schedules=[
            DeploymentScheduleCreate(
                schedule=CronSchedule(cron=schedule.cron, timezone=schedule.timezone),
                active=schedule.active,
                slug=schedule.slug,
            )
            for schedule in stanza.schedules
        ],
        parameter_openapi_schema=parameter_schema(flow).model_dump(exclude_unset=True),
        enforce_parameter_schema=True,
        pull_steps=[],
        paused=False,
    )
