"""A site to measure on: its own data folder, server and database, and further workers beside those it has."""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from uuid import UUID

import psutil
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.actions import WorkPoolCreate, WorkPoolUpdate
from prefect.client.schemas.filters import FlowRunFilter
from prefect.client.schemas.objects import FlowRun
from prefect.settings import temporary_settings
from prefect.workers.process import ProcessWorker

import bench
from deployments.member import WORKER_ENVIRONMENT
from deployments.processes import Child
from deployments.site import Site
from reelmill.settings import Settings, get_settings
from workpools.template import WORKER_TYPE, job_template

#: The type of Prefect's own worker that needs nothing else installed.
PROCESS: Final = "process"

_PORT: Final = 4900  # the first tried
_WAIT_SECONDS: Final = 120.0
_LOOK_SECONDS: Final = 0.2
_UNDER_WAY: Final = ("SCHEDULED", "PENDING", "RUNNING", "CANCELLING")


@dataclass(frozen=True)
class Cpu:
    """CPU seconds used so far, or between two readings."""

    worker: float
    server: float
    database: float

    def __sub__(self, earlier: Cpu) -> Cpu:
        return Cpu(self.worker - earlier.worker, self.server - earlier.server, self.database - earlier.database)


@dataclass(frozen=True)
class Extra:
    """A pool beside those of the site, with one worker, and the deployment of the empty flow that it runs."""

    pool: str
    deployment: UUID
    process: psutil.Process


class BenchSite:
    """The site that is up, and a client of its server."""

    def __init__(self, site: Site, client: SyncPrefectClient, stack: ExitStack):
        self.site, self.client, self._stack = site, client, stack
        port = site.ui_url.rpartition(":")[2]
        me = psutil.Process().children()
        self._server = next(child for child in me if {"server", port} <= set(child.cmdline()))
        postmaster = next(site.settings.postgres_dir.rglob("postmaster.pid"))
        self._database = psutil.Process(int(postmaster.read_text().split()[0]))

    def add_pool(self, worker_type: str, *, limit: int, settings: Mapping[str, str] | None = None) -> Extra:
        """A pool, its worker, and the empty flow deployed to it.

        Args:
            worker_type: ours, which has the settings of a site's, or one of Prefect's, which has its defaults.
            limit: how many runs at once, of the worker and of the pool.
            settings: further ones of Prefect's, as environment variables.

        Returns:
            The pool and its deployment.
        """
        pool = f"bench-{worker_type}"
        template = job_template() if worker_type == WORKER_TYPE else ProcessWorker.get_default_base_job_template()
        self.client.create_work_pool(
            WorkPoolCreate(name=pool, type=worker_type, base_job_template=template, concurrency_limit=limit)
        )
        deployment = self.client.create_deployment(
            flow_id=self.client.create_flow_from_name("empty"),
            name=pool,
            entrypoint="bench.empty.empty",
            work_pool_name=pool,
            pull_steps=[],
        )
        child = self._worker(worker_type, pool, limit, settings or {})
        return Extra(pool, deployment, psutil.Process(child.pid))

    def _worker(self, worker_type: str, pool: str, limit: int, further: Mapping[str, str]) -> Child:
        settings = self.site.settings
        environment = {name: value for name, value in os.environ.items() if not name.startswith("PREFECT_")}
        environment |= {
            "PYTHONPATH": str(Path(bench.__file__).parents[1]),  # runs import this very code
            "PREFECT_HOME": str(settings.prefect_home),
            **self.site.server.environment,
        }
        environment |= WORKER_ENVIRONMENT if worker_type == WORKER_TYPE else {}
        environment |= further
        arguments = ["prefect", "worker", "start", "--pool", pool, "--name", pool, "--type", worker_type]
        child = Child.start(f"worker-{pool}", [*arguments, "--limit", str(limit)], environment, settings.log_dir)
        self._stack.callback(child.end, 20)
        self._stack.callback(child.request_end)
        deadline = time.monotonic() + _WAIT_SECONDS
        while not self._online(pool):
            child.check()
            assert time.monotonic() < deadline, f"no worker for {pool}: see {child.log}"
            time.sleep(0.2)
        return child

    def _online(self, pool: str) -> bool:
        return any(worker.status == "ONLINE" for worker in self.client.read_workers_for_work_pool(pool))

    def submit(self, extra: Extra, count: int) -> list[UUID]:
        """Hand in runs of the empty flow, all at once."""
        path = f"/deployments/{extra.deployment}/create_flow_run/bulk"
        response = self._post(path, [{} for _ in range(count)])
        return [UUID(result["flow_run_id"]) for result in response["results"]]

    def completed(self, run_ids: Sequence[UUID]) -> list[FlowRun]:
        """Wait until runs have ended, all of them well."""
        chosen = {"id": {"any_": [str(run_id) for run_id in run_ids]}}
        body = {"flow_runs": {**chosen, "state": {"type": {"any_": list(_UNDER_WAY)}}}}
        deadline = time.monotonic() + _WAIT_SECONDS
        while self._post("/flow_runs/count", body):
            assert time.monotonic() < deadline, "the runs do not end"
            time.sleep(_LOOK_SECONDS)
        runs = self.client.read_flow_runs(flow_run_filter=FlowRunFilter.model_validate(chosen))
        assert [run.state_name for run in runs] == ["Completed"] * len(run_ids), runs
        return runs

    def pause(self, pool: str) -> None:
        """Let nothing of a pool start."""
        self.client.update_work_pool(pool, WorkPoolUpdate(is_paused=True))

    def resume(self, pool: str) -> None:
        """Let its runs start."""
        self.client.update_work_pool(pool, WorkPoolUpdate(is_paused=False))

    def forget_runs(self) -> None:
        """Delete every run there is."""
        while self._post("/flow_runs/bulk_delete", {})["deleted"]:
            pass

    def _post(self, path: Any, body: Any) -> Any:
        return self.client.request("POST", path, json=body).json()

    def cpu(self, extra: Extra) -> Cpu:
        """What a worker with all it has started, the server and its database have used so far."""
        return Cpu(_tree(extra.process), _tree(self._server), _tree(self._database))


def _tree(process: psutil.Process) -> float:
    """CPU seconds of a process and its descendants, those included that have ended and were waited for."""
    total = 0.0
    for member in [process, *process.children(recursive=True)]:
        try:
            times = member.cpu_times()
        except psutil.NoSuchProcess:
            continue  # its parent counts it from now on
        total += times.user + times.system + times.children_user + times.children_system
    return total


@contextmanager
def bench_site(*, api: bool = False) -> Iterator[BenchSite]:
    """A whole site as ``reelmill up`` makes it, on an empty library of its own, gone afterwards.

    Args:
        api: with its REST API.

    Yields:
        The site.
    """
    folder = Path(tempfile.mkdtemp(prefix="reelmill-bench-"))
    folder.chmod(0o755)  # under root PostgreSQL runs as another account, which must be let in
    own = {"REELMILL_DATA_DIR": str(folder / "data"), "REELMILL_MEDIA_ROOT": str(folder / "media")}
    os.environ |= own | {"REELMILL_PREFECT_PORT": str(_PORT), "REELMILL_DRAIN_SECONDS": "5"}
    os.environ["REELMILL_API"] = "on" if api else "off"
    os.environ.pop("REELMILL_DATABASE_URL", None)
    get_settings.cache_clear()
    try:
        with ExitStack() as stack:
            site = stack.enter_context(Site(Settings()))
            stack.enter_context(temporary_settings(site.client_settings))
            client = stack.enter_context(get_client(sync_client=True))
            yield BenchSite(site, client, stack)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
