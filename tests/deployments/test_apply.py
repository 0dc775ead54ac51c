"""Applying the deployments to a real server, once, again, and after an admin has been there."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.actions import DeploymentScheduleCreate, DeploymentUpdate, WorkPoolUpdate
from prefect.client.schemas.filters import DeploymentFilter, DeploymentFilterId
from prefect.client.schemas.schedules import IntervalSchedule
from prefect.exceptions import PrefectHTTPStatusError

from blocks import TranscoderSettings
from blocks.stored import DEFAULT
from deployments.apply import apply
from deployments.site import Site
from reelmill.queue.job import LANES
from tests.patience import PATIENCE

pytestmark = pytest.mark.site


@pytest.fixture
def client(on_site: Site) -> Iterator[SyncPrefectClient]:
    with get_client(sync_client=True) as opened:
        yield opened
        apply(opened, reset=True)


def test_pools_have_their_limits_and_exactly_ten_lanes(client: SyncPrefectClient) -> None:
    for name, limit in {"cpu": 5, "gpu_encode": 2, "gpu_ai": 1}.items():
        assert client.read_work_pool(name).concurrency_limit == limit
        queues = client.read_work_queues(work_pool_name=name)
        assert {queue.name: queue.priority for queue in queues} == {lane: i for i, lane in enumerate(LANES, 1)}


def test_the_same_again_changes_nothing(client: SyncPrefectClient) -> None:
    said: list[str] = []
    before = client.read_deployment_by_name("reencode/reencode")
    apply(client, notify=said.append)
    after = client.read_deployment_by_name("reencode/reencode")
    assert said == []
    assert after.model_dump(exclude={"updated", "last_polled", "status"}) == before.model_dump(
        exclude={"updated", "last_polled", "status"}
    )


def test_an_admins_edits_stay_until_reset(client: SyncPrefectClient) -> None:
    encode = client.read_deployment_by_name("reencode/reencode")
    nightly = client.read_deployment_by_name("scan/scan")
    client.update_deployment(encode.id, DeploymentUpdate(job_variables={"vram_mb": 3000}))
    client.update_deployment_schedule(nightly.id, nightly.schedules[0].id, active=False)
    client.update_work_pool("cpu", WorkPoolUpdate(concurrency_limit=3))
    TranscoderSettings(threads=2).save(DEFAULT, overwrite=True)

    apply(client)
    assert client.read_deployment_by_name("reencode/reencode").job_variables == {"vram_mb": 3000}
    assert [schedule.active for schedule in client.read_deployment_by_name("scan/scan").schedules] == [False]
    assert client.read_work_pool("cpu").concurrency_limit == 3
    assert TranscoderSettings.current().threads == 2

    apply(client, reset=True)
    assert client.read_deployment_by_name("reencode/reencode").job_variables == {"vram_mb": 4000}
    assert [schedule.active for schedule in client.read_deployment_by_name("scan/scan").schedules] == [True]
    assert client.read_work_pool("cpu").concurrency_limit == 5
    assert TranscoderSettings.current().threads is None


def test_the_server_refuses_parameters_out_of_bounds(client: SyncPrefectClient) -> None:
    deployment = client.read_deployment_by_name("reencode/reencode")
    route: Any = f"/deployments/{deployment.id}/create_flow_run"
    with pytest.raises(PrefectHTTPStatusError) as refused:
        client.request("POST", route, json={"parameters": {"video_id": "x", "crf": 99}})
    assert refused.value.response.status_code == 409
    assert "99 is greater than the maximum of 51" in refused.value.response.json()["detail"]


def test_a_schedule_yields_runs(client: SyncPrefectClient) -> None:
    deployment = client.read_deployment_by_name("public_scan/public_scan")
    every = IntervalSchedule(interval=timedelta(hours=1))
    (schedule,) = client.create_deployment_schedules(deployment.id, [DeploymentScheduleCreate(schedule=every)])
    chosen = DeploymentFilter(id=DeploymentFilterId(any_=[deployment.id]))
    deadline = time.monotonic() + PATIENCE
    try:
        while time.monotonic() < deadline:
            runs = client.read_flow_runs(deployment_filter=chosen)
            made = [run for run in runs if run.auto_scheduled and run.created_by is not None]
            if any(run.created_by.id == schedule.id for run in made if run.created_by is not None):
                break
            time.sleep(1)
        else:
            pytest.fail("a schedule yielded no run")
    finally:
        client.delete_deployment_schedule(deployment.id, schedule.id)
