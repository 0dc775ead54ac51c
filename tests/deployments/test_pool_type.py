"""A pool of an older worker type is made anew, and what waited in it is not lost."""

from __future__ import annotations

import pytest
from prefect.client.orchestration import get_client
from prefect.client.schemas.actions import DeploymentUpdate, WorkPoolCreate
from prefect.states import Pending

from deployments.pool_type import put_back, take_down_if_of_another_type
from deployments.site import Site
from reelmill.errors import SiteError
from reelmill.troubles import SiteTrouble
from tests.refusals import refused
from workpools.pools import Pool

pytestmark = pytest.mark.site


def test_a_pool_of_an_older_type_is_made_anew_with_what_waited_in_it(on_site: Site) -> None:
    pool, said = Pool(name="older", type="reelmill", limit=1, description=""), list[str]()
    with get_client(sync_client=True) as client:
        client.create_work_pool(WorkPoolCreate(name="older", type="process"))
        deployment = client.create_deployment(
            flow_id=client.create_flow_from_name("older"), name="older", work_pool_name="older", tags=["a"]
        )
        waits = client.create_flow_run_from_deployment(deployment, parameters={"n": 1}, work_queue_name="live-high")
        runs = client.create_flow_run_from_deployment(deployment)
        client.set_flow_run_state(runs.id, Pending())
        with refused(SiteError, trouble=SiteTrouble.JOBS_RUNNING, about=pool.name):
            take_down_if_of_another_type(client, pool, said.append)
        client.delete_flow_run(runs.id)

        waiting = take_down_if_of_another_type(client, pool, said.append)
        assert [run.id for run in waiting] == [waits.id]
        client.create_work_pool(WorkPoolCreate(name="older", type="reelmill"))
        client.update_deployment(deployment, DeploymentUpdate(work_pool_name="older"))
        put_back(client, waiting, {}, said.append)

        old = client.read_flow_run(waits.id)
        assert old.state_name == "Cancelled"
        assert old.state is not None
        (again,) = [run for run in client.read_flow_runs(limit=200) if str(run.id) in (old.state.message or "")]
        assert (again.parameters, again.state_name) == ({"n": 1}, "Scheduled")
        assert client.read_flow_run(again.id).work_queue_name == "live-high"
        assert take_down_if_of_another_type(client, pool, said.append) == []
        assert said == ["pool older: was of type process, made anew", "1 waiting jobs handed in again"]
        client.delete_work_pool("older")
