"""Deployments of an older name go over to the new one: with an admin's edits, and without losing a job."""

from __future__ import annotations

import contextvars
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.actions import DeploymentScheduleCreate, WorkPoolUpdate
from prefect.client.schemas.filters import DeploymentFilter, DeploymentFilterId, FlowFilter, FlowFilterName
from prefect.client.schemas.objects import ConcurrencyLimitStrategy, ConcurrencyOptions, FlowRun, State
from prefect.client.schemas.responses import DeploymentResponse
from prefect.client.schemas.schedules import CronSchedule, IntervalSchedule
from prefect.events.actions import RunDeployment
from prefect.events.schemas.automations import AutomationCore, EventTrigger, Posture
from prefect.exceptions import ObjectNotFound
from prefect.states import Scheduled

from deployments import renaming
from deployments.apply import apply
from deployments.site import Site
from deployments.stanzas import stanzas
from reelmill.dispatch import dispatcher
from reelmill.dispatch.server.deployments import REPLACED
from reelmill.queue.job import JobStatus

pytestmark = pytest.mark.site

NOON = CronSchedule(cron="0 12 * * *", timezone="Europe/Berlin")


@pytest.fixture(scope="module")
def deployed(site: Site) -> Iterator[SyncPrefectClient]:
    """A client of the site, which is as it was once these tests are done."""
    with get_client(sync_client=True) as opened:
        yield opened
        apply(opened, reset=True)


@pytest.fixture
def client(on_site: Site, deployed: SyncPrefectClient) -> Iterator[SyncPrefectClient]:
    yield deployed
    deployed.update_work_pool("gpu_encode", WorkPoolUpdate(is_paused=False))


def _as_it_was(client: SyncPrefectClient, job_type: str, pool: str, **edited: Any) -> DeploymentResponse:
    """A deployment as an older version made it, instead of the present one."""
    client.delete_deployment(client.read_deployment_by_name(f"{job_type}/{job_type}").id)
    flow = next(stanza.flow() for stanza in stanzas() if stanza.name == job_type)
    values = {"tags": [pool], "job_variables": {"vram_mb": 4000}, "work_queue_name": "default-medium", **edited}
    made = client.create_deployment(
        flow_id=client.create_flow_from_name(job_type),
        name=pool,
        entrypoint=f"flows.{job_type}.{job_type}",
        work_pool_name=pool,
        parameter_openapi_schema=flow.parameters.model_dump(),
        enforce_parameter_schema=True,
        pull_steps=[],
        **values,
    )
    return client.read_deployment(made)


def _names(client: SyncPrefectClient, job_type: str) -> set[str]:
    chosen = FlowFilter(name=FlowFilterName(any_=[job_type]))
    return {deployment.name for deployment in client.read_deployments(flow_filter=chosen)}


def _runs(client: SyncPrefectClient, deployment: UUID) -> list[FlowRun]:
    return client.read_flow_runs(deployment_filter=DeploymentFilter(id=DeploymentFilterId(any_=[deployment])))


def _automation(client: SyncPrefectClient, deployment: UUID) -> UUID:
    on_its_end = EventTrigger(
        match={"prefect.resource.id": f"prefect.deployment.{deployment}"},
        expect={"prefect.deployment.ready"},
        posture=Posture.Reactive,
        threshold=3,
        within=timedelta(seconds=60),
    )
    action = RunDeployment(source="selected", deployment_id=deployment, parameters={"crf": 30})
    automation = AutomationCore(name="for Anna", trigger=on_its_end, actions=[action], enabled=False)
    return client.create_automation(automation)


def test_edits_jobs_and_automations_go_over(client: SyncPrefectClient) -> None:
    client.update_work_pool("gpu_encode", WorkPoolUpdate(is_paused=True))
    edited = {
        "parameters": {"crf": 30},
        "job_variables": {"vram_mb": 3000, "max_retries": 1},
        "tags": ["gpu_encode", "Anna's"],
        "work_queue_name": "batch-low",
        "concurrency_limit": 7,
        "concurrency_options": ConcurrencyOptions(collision_strategy=ConcurrencyLimitStrategy.CANCEL_NEW),
        "schedules": [
            DeploymentScheduleCreate(schedule=NOON, active=False, slug="noon", parameters={"video_id": "a.mp4"}),
            DeploymentScheduleCreate(schedule=IntervalSchedule(interval=timedelta(days=9)), active=True),
        ],
    }
    old = _as_it_was(client, "reencode", "gpu_encode", **edited)
    automation = _automation(client, old.id)
    now = client.create_flow_run_from_deployment(old.id, parameters={"video_id": "a.mp4"})
    at: State[object] = Scheduled(scheduled_time=datetime.now(UTC) + timedelta(days=1))
    later = client.create_flow_run_from_deployment(old.id, parameters={"video_id": "a.mp4"}, state=at)

    said: list[str] = []
    apply(client, notify=said.append)
    new = client.read_deployment_by_name("reencode/reencode")
    for field in ("parameters", "job_variables", "tags", "work_queue_name", "work_pool_name", "concurrency_options"):
        assert getattr(new, field) == getattr(old, field), field
    assert new.paused is False
    assert new.global_concurrency_limit is not None
    assert new.global_concurrency_limit.limit == 7
    assert _schedules(new) == _schedules(old)
    assert "dry_run" in (new.parameter_openapi_schema or {})["properties"]
    assert said == [
        "deployment reencode/reencode: replaces reencode/gpu_encode",
        "automation for Anna: names the new deployment",
    ]
    changed = client.read_automation(automation)
    assert changed is not None
    assert str(old.id) not in changed.model_dump_json()
    assert changed.model_dump_json().count(str(new.id)) == 2
    assert (changed.name, changed.enabled) == ("for Anna", False)

    # Its jobs wait on, the old one rests until they are over, and the same again changes nothing.
    assert {run.id for run in _runs(client, old.id) if not run.auto_scheduled} == {now.id, later.id}
    rests = client.read_deployment(old.id)
    assert (rests.paused, REPLACED in rests.tags) == (True, True)
    said.clear()
    apply(client, notify=said.append)
    assert said == []
    left_out = {"updated", "last_polled", "status"}
    assert client.read_deployment(new.id).model_dump(exclude=left_out) == new.model_dump(exclude=left_out)
    assert {run.id for run in _runs(client, old.id) if not run.auto_scheduled} == {now.id, later.id}

    for run in (now, later):
        client.delete_flow_run(run.id)
    apply(client, notify=said.append)
    assert said == ["deployment gpu_encode of flows.reencode.reencode: its last job is over, deleted"]
    assert _names(client, "reencode") == {"reencode", "reencode-cpu"}
    kept = client.read_deployment(new.id).global_concurrency_limit
    assert kept is not None
    assert kept.limit == 7
    client.delete_automation(automation)


def _schedules(deployment: DeploymentResponse) -> list[tuple[str, bool, str | None, dict[str, Any]]]:
    return sorted(
        (made.schedule.model_dump_json(exclude={"anchor_date"}), made.active, made.slug, made.parameters)
        for made in deployment.schedules
    )


def test_a_job_of_the_old_one_runs(client: SyncPrefectClient, monkeypatch: pytest.MonkeyPatch) -> None:
    old = _as_it_was(client, "scan", "cpu", job_variables={"vram_mb": 0})
    with dispatcher() as prefect:
        prefect.lanes.pause("cpu", "default-medium")
        waits = prefect.jobs.submit("scan", {"directory_type": "home"})
        assert client.read_flow_run(waits.id).deployment_id == old.id
        apply(client)
        prefect.lanes.resume("cpu", "default-medium")
        (job,) = prefect.jobs.wait([waits.id])
        assert job.status is JobStatus.COMPLETED
        assert _names(client, "scan") == {"cpu", "scan"}  # a job that has just ended may be sent back
        monkeypatch.setattr(renaming, "_SETTLED", timedelta(0))
        apply(client)
        assert _names(client, "scan") == {"scan"}
        assert prefect.jobs.read(waits.id).status is JobStatus.COMPLETED


@pytest.mark.parametrize("paused", [False, True])
def test_who_is_killed_in_between_is_followed_by_whoever_deploys_next(client: SyncPrefectClient, paused: bool) -> None:
    nightly = DeploymentScheduleCreate(schedule=NOON, active=True, slug="noon")
    old = _as_it_was(client, "reencode", "gpu_encode", paused=paused, schedules=[nightly], parameters={"crf": 30})
    stanza = next(stanza for stanza in stanzas() if stanza.name == "reencode")
    assert renaming.set_aside(client, stanza, "reencode") is not None
    assert client.read_deployment(old.id).paused is True
    apply(client)
    new = client.read_deployment_by_name("reencode/reencode")
    assert (new.paused, new.tags, new.parameters) == (paused, ["gpu_encode"], {"crf": 30})
    assert [(made.slug, made.active) for made in new.schedules] == [("noon", True)]
    with pytest.raises(ObjectNotFound):
        client.read_deployment(old.id)


def test_two_nodes_may_deploy_at_once(client: SyncPrefectClient) -> None:
    _as_it_was(client, "reencode", "gpu_encode", parameters={"crf": 30})
    with get_client(sync_client=True) as other, ThreadPoolExecutor(2) as nodes:
        for deployed in [nodes.submit(contextvars.copy_context().run, apply, own) for own in (client, other)]:
            deployed.result()
    assert _names(client, "reencode") == {"reencode", "reencode-cpu"}
    assert client.read_deployment_by_name("reencode/reencode").parameters == {"crf": 30}
