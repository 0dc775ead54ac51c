"""The Prefect server is killed while a job works, and comes back: the job completes, and all it had to say is told."""

from __future__ import annotations

import time
from pathlib import Path

import httpx
import psutil
import pytest
from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterId
from prefect.client.schemas.objects import FlowRun

from deployments.site import Site
from reelmill.queue.job import lane_of
from tests.patience import PATIENCE, until
from tests.processes import SESSION_PROCESSES

pytestmark = pytest.mark.site


def _until(sign: Path) -> None:
    until(sign.exists, lambda: sign)


def _submit(folder: Path, **environment: str) -> FlowRun:
    with get_client(sync_client=True) as client:
        deployment = client.create_deployment(
            flow_id=client.create_flow_from_name("away"),
            name="cpu",
            entrypoint="tests.flows.away.away",
            work_pool_name="cpu",
            work_queue_name=lane_of(5),
            pull_steps=[],
        )
        return client.create_flow_run_from_deployment(
            deployment,
            parameters={"folder": str(folder)},
            job_variables={"env": environment},
        )


def _kill_server(site: Site) -> None:
    (server,) = [child for child in psutil.Process().children() if {"server", "start"} <= set(child.cmdline())]
    server.kill()
    server.wait(PATIENCE)
    with pytest.raises(httpx.TransportError):
        httpx.get(f"{site.api_url}/health")


def _bring_back(site: Site) -> None:
    def healthy() -> bool:
        site.watch(0.1)
        SESSION_PROCESSES.update(child.pid for child in psutil.Process().children())
        try:
            return httpx.get(f"{site.api_url}/health").is_success
        except httpx.TransportError:
            return False

    until(healthy)


def _ended(run: FlowRun) -> FlowRun:
    deadline = time.monotonic() + 2 * PATIENCE  # the client doubles its pauses: the last may be two minutes
    with get_client(sync_client=True) as client:
        while True:
            found = client.read_flow_run(run.id)
            if found.state is not None and found.state.is_final():
                return found
            assert time.monotonic() < deadline, found.state
            time.sleep(0.1)


def _shown(run: FlowRun) -> dict[str | None, object]:
    """What is on the run's page, by kind; its result is one without."""
    chosen = FlowRunFilter(id=FlowRunFilterId(any_=[run.id]))
    with get_client(sync_client=True) as client:
        found = [artifact for artifact in client.read_artifacts(flow_run_filter=chosen) if artifact.type]
    assert len({artifact.type for artifact in found}) == len(found), found
    return {artifact.type: artifact.data for artifact in found}


def _shown_progress(run: FlowRun) -> None:
    until(lambda: "progress" in _shown(run))


@pytest.mark.parametrize("back", ["while it works", "after its work is done"])
def test_a_job_does_not_fail_for_want_of_the_server(on_site: Site, tmp_path: Path, back: str) -> None:
    patient = back == "after its work is done"
    run = _submit(tmp_path) if patient else _submit(tmp_path, PREFECT_CLIENT_MAX_RETRIES="0")
    _until(tmp_path / "begun")
    assert (tmp_path / "retries").read_text() == ("7" if patient else "0")
    _shown_progress(run)  # else the server may die between making the artifact and its answer: it is then made again
    _kill_server(on_site)
    (tmp_path / "gone").touch()
    _until(tmp_path / "worked")
    # A call that waited would take minutes, by the client's own patience.
    assert float((tmp_path / "took").read_text()) < 10, "progress waited for the server"
    if patient:
        (tmp_path / "end").touch()
    _bring_back(on_site)
    (tmp_path / "end").touch()
    ended = _ended(run)
    assert (ended.state_name, ended.run_count) == ("Completed", 1), ended.state
    assert _shown(run) == {"progress": 100.0, "markdown": "made while nobody listened"}
