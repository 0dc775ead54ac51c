"""Bring a Prefect server to what a site needs: pools, lanes, blocks, deployments.

Applied again it creates what is missing and leaves alone what an admin changed, unless ``reset``; what follows from the
code (a flow's parameters, description and entry point) is always brought up to date.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from prefect import Flow
from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.actions import (
    DeploymentScheduleCreate,
    DeploymentUpdate,
    WorkPoolCreate,
    WorkPoolUpdate,
)
from prefect.client.schemas.objects import WorkQueue
from prefect.client.schemas.schedules import CronSchedule
from prefect.exceptions import ObjectAlreadyExists, ObjectNotFound
from prefect.utilities.callables import parameter_schema

from blocks import MediaLibrary, Transcoder
from blocks.stored import DEFAULT
from deployments.pool_type import put_back, take_down_if_of_another_type
from deployments.stanzas import Stanza, stanzas
from reelmill.jobs import DEFAULT_PRIORITY, LANES, lane
from workpools.configuration import job_template
from workpools.pools import Pool, pools

#: The queue Prefect makes with every pool; it becomes the lane of the default priority.
_PREFECTS_QUEUE: Final = "default"

Say = Callable[[str], None]


def apply(client: SyncPrefectClient, *, reset: bool = False, say: Say = lambda _: None) -> None:
    """Bring the server up to date.

    Args:
        client: of the server.
        reset: put back what an admin changed.
        say: told, in a line each, what was created or reset.
    """
    waiting = []
    for pool in pools():
        waiting += take_down_if_of_another_type(client, pool, say)
        _pool(client, pool, reset, say)
        _lanes(client, pool, reset, say)
    _blocks(reset, say)
    for stanza in stanzas():
        _deployment(client, stanza, reset, say)
    put_back(client, waiting, say)


def _pool(client: SyncPrefectClient, pool: Pool, reset: bool, say: Say) -> None:
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
        say(f"pool {pool.name}: created, limit {pool.limit}")
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
        say(f"pool {pool.name}: reset, limit {pool.limit}")


def _lanes(client: SyncPrefectClient, pool: Pool, reset: bool, say: Say) -> None:
    queues = {queue.name: queue for queue in client.read_work_queues(work_pool_name=pool.name)}
    missing = [name for name in LANES if name not in queues]
    default = lane(DEFAULT_PRIORITY)
    if default in missing and _PREFECTS_QUEUE in queues:
        client.update_work_queue(queues[_PREFECTS_QUEUE].id, name=default)
        missing.remove(default)
    for name in missing:
        try:
            client.create_work_queue(name=name, work_pool_name=pool.name)
        except ObjectAlreadyExists:  # another machine is deploying at the same moment
            continue
    if missing:
        say(f"pool {pool.name}: lanes {', '.join(missing)} created")
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


def _blocks(reset: bool, say: Say) -> None:
    for kind in (MediaLibrary, Transcoder):
        kind.register_type_and_schema()
        try:
            kind.load(DEFAULT)
        except ValueError:  # what Prefect raises for an unknown block document
            kind().save(DEFAULT)
            say(f"block {kind.get_block_type_slug()}/{DEFAULT}: created")
        else:
            if reset:
                kind().save(DEFAULT, overwrite=True)
                say(f"block {kind.get_block_type_slug()}/{DEFAULT}: reset")


def _deployment(client: SyncPrefectClient, stanza: Stanza, reset: bool, say: Say) -> None:
    flow = stanza.flow()
    name = f"{flow.name}/{stanza.name}"
    try:
        existing = client.read_deployment_by_name(name)
    except ObjectNotFound:
        _create(client, stanza, flow)
        say(f"deployment {name}: created")
        return
    if reset:
        _create(client, stanza, flow)  # Prefect replaces a deployment of the same name, keeping its id
        say(f"deployment {name}: reset")
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
