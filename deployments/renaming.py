"""A deployment that bears its pool's name, as all once did, goes over to one that bears its job type.

Prefect renames no deployment, so another is made with all that the old one has, an admin's edits among it:

| step | one request each | who is killed after it leaves |
|---|---|---|
| set aside | the old one is tagged ``REPLACED`` and paused | a deployment whose jobs run, with schedules at rest |
| make | the new one with the old one's values | two of which one has the schedules; new jobs go to the new one |
| redirect | automations that name the old one name the new | the same |
| delete | the old one, once its jobs are over and none is a dead letter | the new one alone |

Each step finds what was done before it, so that the next `reelmill deploy` goes on, on whichever node, and two at once
do no harm. At no moment do two have schedules that make runs. Deleting a deployment deletes its waiting jobs, so that
is last.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from uuid import UUID

import httpx
from prefect import Flow
from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.actions import DeploymentCreate, DeploymentScheduleCreate, DeploymentUpdate
from prefect.client.schemas.filters import (
    DeploymentFilter,
    DeploymentFilterTags,
    FlowRunFilter,
    FlowRunFilterDeploymentId,
    FlowRunFilterEndTime,
    FlowRunFilterState,
    FlowRunFilterStateType,
    FlowRunFilterTags,
)
from prefect.client.schemas.objects import StateType
from prefect.client.schemas.responses import DeploymentResponse
from prefect.events.schemas.automations import Automation, AutomationCore
from prefect.exceptions import ObjectNotFound, PrefectHTTPStatusError
from prefect.utilities.callables import parameter_schema

from deployments.stanzas import Stanza
from deployments.supervisor import Notify
from reelmill.clock import SYSTEM
from reelmill.dispatch.server.connection import Connection, read_pages
from reelmill.dispatch.server.deployments import REPLACED
from reelmill.queue.retry_policy import DEAD_LETTER

#: Tag of a replaced deployment that an admin had paused: so is the new one.
WAS_PAUSED: Final = f"{REPLACED}:was-paused"

_UNFINISHED: Final = [
    StateType.SCHEDULED, StateType.PENDING, StateType.RUNNING, StateType.PAUSED, StateType.CANCELLING,
]  # fmt: skip
#: A run that has ended may be sent back by the retry rule, a rescue takes a little longer; and clocks differ.
_SETTLED: Final = timedelta(minutes=5)


def set_aside(client: SyncPrefectClient, stanza: Stanza, flow_name: str) -> DeploymentResponse | None:
    """Mark the deployment of a stanza's older name as replaced, and let its schedules rest.

    Args:
        client: of the server.
        stanza: the deployment as it is now listed.
        flow_name: of its flow.

    Returns:
        That of the older name, as it is now; None where there is none.
    """
    old_name = stanza.work_pool.name
    if old_name == stanza.name:
        return None
    try:
        old = client.read_deployment_by_name(f"{flow_name}/{old_name}")
        marks = [] if REPLACED in old.tags else [REPLACED, *([WAS_PAUSED] if old.paused else [])]
        # Its waiting jobs stay; of runs that its schedules have made, those to come go. Again where it rests already:
        # the server's scheduler may have read it before it was paused, and have added runs after.
        with _raises_not_found():
            client.update_deployment(old.id, DeploymentUpdate(paused=True, tags=[*old.tags, *marks]))
        return client.read_deployment(old.id)
    except ObjectNotFound:  # now, or another node that deploys has just deleted it
        return None


def make_from(client: SyncPrefectClient, old: DeploymentResponse, stanza: Stanza, flow: Flow[..., object]) -> None:
    """Make the deployment of a stanza with the values of the one it replaces; what follows from the code is new."""
    created = DeploymentCreate(
        flow_id=old.flow_id,
        name=stanza.name,
        description=flow.description,
        entrypoint=stanza.entrypoint,
        tags=[tag for tag in old.tags if tag not in (REPLACED, WAS_PAUSED)],
        parameters=old.parameters,
        work_pool_name=old.work_pool_name or stanza.work_pool.name,
        work_queue_name=old.work_queue_name or stanza.work_pool.work_queue_name,
        job_variables=old.job_variables,
        schedules=[
            DeploymentScheduleCreate(
                schedule=made.schedule, active=made.active, slug=made.slug, parameters=made.parameters
            )
            for made in old.schedules
        ],
        concurrency_options=old.concurrency_options,
        parameter_openapi_schema=parameter_schema(flow).model_dump(exclude_unset=True),
        enforce_parameter_schema=True,
        pull_steps=[],
        paused=WAS_PAUSED in old.tags,
    )
    limit = old.global_concurrency_limit
    # Shared with the old one, so that it holds over the jobs of both; and it may be others' as well.
    shared = {} if limit is None else {"global_concurrency_limit_id": str(limit.id)}
    body = created.model_dump(mode="json", exclude_unset=True) | shared
    Connection(client, SYSTEM).post("/deployments/", **body)


def redirect_automations(client: SyncPrefectClient, old: UUID, new: UUID, notify: Notify) -> None:
    """Let every automation that names the old deployment name the new one.

    Args:
        client: of the server.
        old: id of the deployment that was replaced.
        new: id of the one that replaces it.
        notify: called with a line on each automation.
    """
    for automation in _naming(client, old):
        changed = AutomationCore.model_validate_json(_text(automation).replace(str(old), str(new)))
        try:
            client.update_automation(automation.id, changed)
        except httpx.HTTPStatusError as error:
            notify(f"automation {automation.name}: names a deployment that was replaced; change it by hand: {error}")
        else:
            notify(f"automation {automation.name}: names the new deployment")


def delete_replaced(client: SyncPrefectClient, notify: Notify) -> None:
    """Delete the replaced deployments that no job and no automation needs any more.

    Args:
        client: of the server.
        notify: called with a line on each that was deleted.
    """
    chosen, read = DeploymentFilter(tags=DeploymentFilterTags(all_=[REPLACED])), client.read_deployments
    for old in read_pages(lambda limit, offset: read(deployment_filter=chosen, limit=limit, offset=offset)):
        if _has_jobs(client, old.id) or _naming(client, old.id):
            continue
        try:
            # Deleted with it, the limit would be gone for the new one, too.
            unlinked = {"global_concurrency_limit_id": None}
            with _raises_not_found():
                Connection(client, SYSTEM).request("PATCH", f"/deployments/{old.id}", unlinked)
            client.delete_deployment(old.id)
        except ObjectNotFound:  # another node was quicker
            continue
        notify(f"deployment {old.name} of {old.entrypoint}: its last job is over, deleted")


@contextmanager
def _raises_not_found() -> Iterator[None]:
    """A change of a deployment that is gone raises what reading it does; Prefect's client has that for reading alone.

    Yields:
        Nothing.

    Raises:
        ObjectNotFound: the server knows no such deployment.
        PrefectHTTPStatusError: the server refuses for another reason.
    """
    try:
        yield
    except PrefectHTTPStatusError as error:
        if error.response.status_code != httpx.codes.NOT_FOUND:
            raise
        raise ObjectNotFound(http_exc=error) from error


def _has_jobs(client: SyncPrefectClient, deployment: UUID) -> bool:
    """Whether a deployment has a job that is not over for good: a dead letter may be sent back, whatever its age."""
    made_from = FlowRunFilterDeploymentId(any_=[deployment])
    unfinished = FlowRunFilterState(type=FlowRunFilterStateType(any_=_UNFINISHED))
    lately = FlowRunFilterEndTime(after_=datetime.now(UTC) - _SETTLED)
    dead_letters = FlowRunFilterTags(all_=[DEAD_LETTER])
    filters: list[dict[str, Any]] = [{"state": unfinished}, {"end_time": lately}, {"tags": dead_letters}]
    return any(
        client.read_flow_runs(flow_run_filter=FlowRunFilter(deployment_id=made_from, **one), limit=1) for one in filters
    )


def _naming(client: SyncPrefectClient, deployment: UUID) -> list[Automation]:
    """The automations that name a deployment, in a trigger or an action."""
    every = read_pages(lambda limit, offset: client.read_automations(limit=limit, offset=offset))
    return [automation for automation in every if str(deployment) in _text(automation)]


def _text(automation: Automation) -> str:
    """All of an automation that can be changed, as JSON."""
    return automation.model_dump_json(exclude={"owner_resource"})
