"""What a machine gives to a site: a worker of each pool, and one of the Dask cluster."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from typing import Final

import httpx

from deployments.processes import Child
from deployments.supervisor import Say, Supervisor
from reelmill.catalogue.engine import get_engine
from reelmill.errors import SiteError
from reelmill.fan_out import cores
from reelmill.layout import MediaRoot
from reelmill.settings import Settings, get_settings
from reelmill.site import answers
from workpools.pools import Pool, pools

_WORKER_SECONDS: Final = 60
_END_SECONDS: Final = 15

#: Prefect's settings of our workers. Events wake them for new work, so they need not ask often; a database that
#: restarts answers with 500, which Prefect's client would take for final.
WORKER_ENVIRONMENT: Final = {
    "PREFECT_WORKER_QUERY_SECONDS": "5",
    "PREFECT_WORKER_HEARTBEAT_SECONDS": "10",
    "PREFECT_CLIENT_RETRY_EXTRA_CODES": "500",
    # Questions each client would ask first; the server is of this very installation and has no CSRF tokens.
    "PREFECT_CLIENT_SERVER_VERSION_CHECK_ENABLED": "false",
    "PREFECT_CLIENT_CSRF_SUPPORT_ENABLED": "false",
}

#: Dask's settings: a machine that lost its power is given up after a minute, and work that no machine is left for
#: fails after two, to be tried again by the job's own rule. Looking at itself a hundred times a second costs a worker
#: 3 % of a core, for pages that nobody opens.
DASK_ENVIRONMENT: Final = {
    "DASK_DISTRIBUTED__SCHEDULER__WORKER_TTL": "60s",
    "DASK_DISTRIBUTED__SCHEDULER__NO_WORKERS_TIMEOUT": "120s",
    "DASK_DISTRIBUTED__WORKER__PROFILE__ENABLED": "False",
    "DASK_DISTRIBUTED__ADMIN__TICK__INTERVAL": "500ms",
}


def prefect_worker(settings: Settings, pool: Pool) -> list[str]:
    """The module and arguments of this machine's worker of a pool."""
    name = f"{settings.node_name}-{pool.name}"
    return ["prefect", "worker", "start", "--pool", pool.name, "--name", name, "--type", pool.type]


def dask_worker(settings: Settings, scheduler: str, env: Mapping[str, str]) -> tuple[list[str], dict[str, str]]:
    """The module, arguments and environment of this machine's Dask worker: threads, since ffmpeg and PyAV release the
    GIL; no memory limit, since what encodes are processes of their own."""
    arguments = ["dask", "worker", scheduler, "--name", settings.node_name, "--nworkers", "1", "--nthreads"]
    arguments += [str(cores()), "--no-dashboard", "--memory-limit", "0"]
    arguments += ["--local-directory", str(settings.data_dir / "dask")]
    if settings.listen is not None:
        arguments += ["--host", settings.listen]
    return arguments, {**env, **DASK_ENVIRONMENT}


def await_workers(api_url: str, settings: Settings, served: Sequence[Pool], children: Sequence[Child]) -> None:
    """Wait until this machine has a worker online in each of the pools it serves.

    Raises:
        SiteError: a process has ended, or they take too long.
    """
    deadline = time.monotonic() + _WORKER_SECONDS
    waiting = {pool.name for pool in served}
    while waiting:
        waiting -= {name for name in waiting if _worker_online(api_url, name, settings.node_name)}
        for child in children:
            child.check()
        if time.monotonic() > deadline:
            raise SiteError(f"No worker came up for {', '.join(sorted(waiting))}; logs: {settings.log_dir}")
        time.sleep(0.3)


def _worker_online(api_url: str, pool: str, node: str) -> bool:
    answer = httpx.post(f"{api_url}/work_pools/{pool}/workers/filter", json={}, timeout=5)
    answer.raise_for_status()
    return any(worker["name"] == f"{node}-{pool}" and worker["status"] == "ONLINE" for worker in answer.json())


class Member(Supervisor):
    """This machine as a part of a site that runs on another; use as a context.

    Args:
        api_url: the site's Prefect server.
        dask_address: its Dask scheduler.
        say: told what is being done.
        takes_jobs: serve the pools, too; else this machine only helps with the chunks and ranges of others' jobs.

    Raises:
        SiteError: the site is not to be reached, the library is not mounted, or a worker does not come up.
    """

    def __init__(self, api_url: str, dask_address: str, say: Say, *, takes_jobs: bool = True):
        super().__init__(say)
        self.settings = get_settings()
        self._pools = pools() if takes_jobs else ()
        self._api_url, self._dask = api_url, dask_address

    def _up(self, stack: ExitStack) -> None:
        settings = self.settings
        if settings.database_url is None:
            raise SiteError(
                "Set REELMILL_DATABASE_URL to the site's database first: its `reelmill up` prints the line."
            )
        for name, url in (("Prefect server", self._api_url), ("Dask scheduler", self._dask)):
            if not answers(url):
                raise SiteError(f"The site's {name} does not answer at {url}; is it up, with --listen?")
        root = MediaRoot(settings.media_root)
        if not root.mounted:
            raise SiteError(f"Nothing is in the media root {root.path}; mount the site's library there first.")
        get_engine(settings)
        for folder in (settings.data_dir, settings.log_dir):
            folder.mkdir(parents=True, exist_ok=True)
        env = {name: value for name, value in os.environ.items() if not name.startswith("PREFECT_")}
        env |= {"PREFECT_API_URL": self._api_url, "REELMILL_DASK_ADDRESS": self._dask}
        stack.callback(self._end)
        self._say("workers")
        self._children.append(Child("dask-worker", *dask_worker(settings, self._dask, env), settings.log_dir))
        for pool in self._pools:
            worker = Child(
                f"worker-{pool.name}", prefect_worker(settings, pool), env | WORKER_ENVIRONMENT, settings.log_dir
            )
            self._children.append(worker)
        await_workers(self._api_url, settings, self._pools, self._children)

    def _look(self) -> None:
        """All that this machine has of the site are processes."""

    def _end(self) -> None:
        for child in self._children:
            child.ask_to_end()
        for child in self._children:
            child.wait(self.settings.drain_seconds + _END_SECONDS)
            child.end(_END_SECONDS)
        self._children.clear()
