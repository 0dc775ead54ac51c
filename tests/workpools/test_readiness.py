"""What keeps the queues of a full worker ready takes no run, and changes none."""

from __future__ import annotations

import asyncio
import uuid

import pytest
from prefect.client.orchestration import get_client
from prefect.client.schemas.actions import WorkPoolCreate
from prefect.client.schemas.objects import StateType, WorkQueue

from deployments.site import Site
from tests.patience import until
from workpools.site.readiness import Readiness

pytestmark = pytest.mark.site


def test_a_queue_is_ready_and_its_job_waits_on(on_site: Site) -> None:
    pool = f"full-{uuid.uuid4().hex[:8]}"
    with get_client(sync_client=True) as client:
        client.create_work_pool(WorkPoolCreate(name=pool, type="reelmill", concurrency_limit=1))
        deployment = client.create_deployment(
            flow_id=client.create_flow_from_name("full"), name="full", work_pool_name=pool
        )
        run = client.create_flow_run_from_deployment(deployment)

        def queue() -> WorkQueue:
            (found,) = client.read_work_queues(work_pool_name=pool)
            return found

        assert (str(queue().status), queue().last_polled) == ("WorkQueueStatus.NOT_READY", None)
        asyncio.run(_show(pool))
        until(lambda: str(queue().status) == "WorkQueueStatus.READY", queue)
        assert queue().last_polled is not None
        until(lambda: str(client.read_deployment(deployment).status) == "DeploymentStatus.READY", queue)
        waits = client.read_flow_run(run.id)
        assert waits.state is not None
        assert (waits.state.type, [state.id for state in client.read_flow_run_states(run.id)]) == (
            StateType.SCHEDULED, [waits.state.id],
        )  # fmt: skip
        client.delete_deployment(deployment)
        client.delete_work_pool(pool)


async def _show(pool: str) -> None:
    async with get_client() as client:
        await Readiness(client, pool).show()
