"""Jobs of the tests' own on the running site, and workers of the tests' own beside its three."""

from __future__ import annotations

import os
import subprocess
import sys
import time
import uuid
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.actions import WorkPoolCreate
from prefect.client.schemas.filters import LogFilter, LogFilterFlowRunId
from prefect.client.schemas.objects import FlowRun, StateType
from prefect.exceptions import ObjectNotFound, PrefectHTTPStatusError
from prefect.states import Cancelling

from deployments.member import WORKER_ENVIRONMENT
from deployments.site import Site
from reelmill.catalogue.engine import database_url as engine_url
from reelmill.dispatch import Dispatcher
from reelmill.queue.job import LANES, lane_of
from tests.patience import PATIENCE
from tests.processes import SESSION_PROCESSES
from workpools.template import job_template

FINAL = {StateType.COMPLETED, StateType.FAILED, StateType.CANCELLED, StateType.CRASHED}


@dataclass
class Engine:
    """The site's server, seen from a test."""

    client: SyncPrefectClient
    site: Site
    workers: list[tuple[str, str]] = field(default_factory=list)  # pool and name of those a test started

    @property
    def dispatch(self) -> Dispatcher:
        """What a person steers by."""
        return Dispatcher(self.client)

    def pool(self, name: str, limit: int | None = None) -> str:
        """A pool of the test's own with its lanes, and a deployment of ``work`` on it."""
        self.client.create_work_pool(
            WorkPoolCreate(name=name, type="reelmill", concurrency_limit=limit, base_job_template=job_template())
        )
        for queue in LANES:
            self.client.create_work_queue(name=queue, work_pool_name=name)
        self.deploy(name)
        return name

    def deploy(self, pool: str) -> uuid.UUID:
        return self.client.create_deployment(
            flow_id=self.client.create_flow_from_name("work"),
            name=pool,
            entrypoint="tests.workpools.work.work",
            work_pool_name=pool,
            work_queue_name=lane_of(5),
            pull_steps=[],
            tags=[pool],
        )

    def submit(self, pool: str, priority: int = 5, variables: Mapping[str, Any] | None = None, **given: Any) -> FlowRun:
        """One run of ``work``."""
        try:
            deployment = self.client.read_deployment_by_name(f"work/{pool}").id
        except ObjectNotFound:
            deployment = self.deploy(pool)
        return self.client.create_flow_run_from_deployment(
            deployment, parameters=given, work_queue_name=lane_of(priority), job_variables=dict(variables or {})
        )

    def submit_all(self, pool: str, priorities: Sequence[int]) -> list[uuid.UUID]:
        """A run of ``work`` for each of these, all in one transaction."""
        deployment = self.client.read_deployment_by_name(f"work/{pool}").id
        path: Any = f"/deployments/{deployment}/create_flow_run/bulk"
        body: Any = [{"work_queue_name": lane_of(priority)} for priority in priorities]
        return [
            uuid.UUID(made["flow_run_id"]) for made in self.client.request("POST", path, json=body).json()["results"]
        ]

    def all_ended(self, run_ids: Sequence[uuid.UUID], seconds: float = PATIENCE) -> None:
        """Wait until each of these has completed."""
        chosen = {"id": {"any_": [str(run_id) for run_id in run_ids]}, "state": {"type": {"any_": ["COMPLETED"]}}}
        deadline = time.monotonic() + seconds
        while self.client.request("POST", "/flow_runs/count", json={"flow_runs": chosen}).json() < len(run_ids):
            assert time.monotonic() < deadline, [self.client.read_flow_run(run_id).state for run_id in run_ids]
            time.sleep(0.1)

    def lanes_taken(self, pool: str) -> Counter[str]:
        """How many runs of each lane a worker has taken so far."""
        deployment = self.client.read_deployment_by_name(f"work/{pool}").id
        chosen = {"deployment_id": {"any_": [str(deployment)]}, "state": {"type": {"not_any_": ["SCHEDULED"]}}}
        taken = self.client.request("POST", "/flow_runs/filter", json={"flow_runs": chosen}).json()
        return Counter(run["work_queue_name"] for run in taken)

    def forget(self, pool: str) -> None:
        """Delete every run of a test's own pool."""
        deployment = self.client.read_deployment_by_name(f"work/{pool}").id
        path: Any = "/flow_runs/bulk_delete"
        body: Any = {"flow_runs": {"deployment_id": {"any_": [str(deployment)]}}}
        while self.client.request("POST", path, json=body).json()["deleted"]:
            pass

    def read(self, run: FlowRun) -> FlowRun:
        return self.client.read_flow_run(run.id)

    def until(self, run: FlowRun, what: Callable[[FlowRun], bool], seconds: float = PATIENCE) -> FlowRun:
        """Wait until this holds of the run."""
        deadline = time.monotonic() + seconds
        while not what(found := self.read(run)):
            assert time.monotonic() < deadline, (found.name, found.state, self.states(run), self.log(run))
            time.sleep(0.1)
        return found

    def ended(self, run: FlowRun, seconds: float = PATIENCE) -> FlowRun:
        """Wait for the end the rule leaves it at: an end that is tried again is none."""
        return self.until(run, lambda found: found.state is not None and found.state.type in FINAL, seconds)

    def named(self, run: FlowRun, state: str, seconds: float = PATIENCE) -> FlowRun:
        return self.until(run, lambda found: found.state is not None and found.state.name == state, seconds)

    def states(self, run: FlowRun) -> list[str]:
        return [state.name or "" for state in self.client.read_flow_run_states(run.id)]

    def begun(self, run: FlowRun, attempt: int) -> datetime:
        """Wait until this attempt runs, and tell since when."""
        self.until(run, lambda found: found.run_count >= attempt)
        began = [state.timestamp for state in self.client.read_flow_run_states(run.id) if state.is_running()]
        return began[attempt - 1]

    def log(self, run: FlowRun) -> str:
        chosen = LogFilter(flow_run_id=LogFilterFlowRunId(any_=[run.id]))
        return "\n".join(log.message for log in self.client.read_logs(log_filter=chosen, limit=200))

    def logged(self, run: FlowRun, words: str, seconds: float = PATIENCE) -> str:
        """Wait until the run's log has these words; log lines travel in batches."""
        deadline = time.monotonic() + seconds
        while words not in (text := self.log(run)):
            assert time.monotonic() < deadline, text
            time.sleep(0.1)
        return text

    @contextmanager
    def worker(
        self, pool: str, name: str, limit: int = 1, *, module: str = "prefect", **settings: Any
    ) -> Iterator[WorkerProcess]:
        """A worker of the test's own, up and heard of."""
        env = {
            **{name: value for name, value in os.environ.items() if not name.startswith("PREFECT_")},
            **WORKER_ENVIRONMENT,
            **self.site.server.environment,
            "PREFECT_HOME": str(self.site.settings.prefect_home),
            "PREFECT_WORKER_HEARTBEAT_SECONDS": "1",
            "PREFECT_WORKER_QUERY_SECONDS": "600",  # what moves is moved by events and by slots that come free
            "REELMILL_DATABASE_URL": database_url(self.site),
            **{f"REELMILL_{name.upper()}": str(value) for name, value in settings.items()},
        }
        log = self.site.settings.log_dir / f"{name}.log"
        command = [module, "worker", "start", "--pool", pool, "--name", name, "--limit", str(limit)]
        with log.open("wb") as out:
            process = subprocess.Popen(
                [sys.executable, "-m", *command],
                env=env,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=out,
                start_new_session=True,
            )
        self.workers.append((pool, name))
        SESSION_PROCESSES.add(process.pid)  # its server of forks ends a moment after it
        worker = WorkerProcess(process, log)
        try:
            worker.said("started!")
            yield worker
        finally:
            if process.poll() is None:
                process.kill()
            process.wait(PATIENCE)


@dataclass
class WorkerProcess:
    """One worker of the test's own."""

    process: subprocess.Popen[bytes]
    log: Path

    def said(self, words: str, seconds: float = PATIENCE) -> str:
        """Wait until its log has these words."""
        return said(self.log, words, seconds, lambda: self.process.poll() is None)


def said(log: Path, words: str, seconds: float = PATIENCE, alive: Callable[[], bool] = lambda: True) -> str:
    """Wait until a log has these words."""
    deadline = time.monotonic() + seconds
    while words not in (text := log.read_text()):
        assert time.monotonic() < deadline, text
        assert alive(), text
        time.sleep(0.05)
    return text


def database_url(site: Site) -> str:
    """As psycopg takes it."""
    return engine_url(site.settings).replace("+psycopg", "")


@pytest.fixture
def engine(on_site: Site) -> Iterator[Engine]:
    """The site, with a client; whatever a test left unfinished is cancelled."""
    with get_client(sync_client=True) as client:
        found = Engine(client, on_site)
        before = set(_unfinished(client))
        yield found
        for run in set(_unfinished(client)) - before:
            client.set_flow_run_state(run, Cancelling())
        for pool, name in found.workers:  # else the site's machine would show them, too
            one = {"work_pool_name": pool, "name": name}
            with suppress(ObjectNotFound, PrefectHTTPStatusError):
                client.request("DELETE", "/work_pools/{work_pool_name}/workers/{name}", path_params=one)


def _unfinished(client: SyncPrefectClient) -> list[uuid.UUID]:
    answer = client.request(
        "POST",
        "/flow_runs/filter",
        json={
            "flow_runs": {"state": {"type": {"any_": ["SCHEDULED", "PENDING", "RUNNING"]}}},
            "flows": {"name": {"any_": ["work"]}},
        },
    )
    return [uuid.UUID(run["id"]) for run in answer.json()]
