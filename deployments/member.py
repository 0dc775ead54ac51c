"""What a node gives to a site: a worker of each pool, and one of the Dask cluster."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from typing import Final

from httpx import codes
from prefect.exceptions import PrefectHTTPStatusError
from prefect.settings import temporary_settings

from deployments.access import auth_string, client_settings, dask_environment, dask_keys
from deployments.folders import make_folders
from deployments.processes import Child
from deployments.supervisor import Notify, Supervisor
from reelmill.dispatch import dispatcher
from reelmill.errors import PlatformError, SiteError, UserError
from reelmill.operations.ownership import require_joined
from reelmill.parallel import cores
from reelmill.settings import Settings, get_settings
from reelmill.site_discovery import PrefectServer, accepts_connections
from reelmill.storage.media_root import MediaRoot
from reelmill.troubles import SiteTrouble
from workpools.pools import Pool, pools

_WORKER_SECONDS: Final = 300  # of a busy node; a worker that ended is noticed at once
_END_SECONDS: Final = 15

#: Prefect's settings of our workers, beside those of the server. Events wake them for new work, so they need not poll
#: often; a server whose database restarts responds with 500, which Prefect's client would take for final.
WORKER_ENVIRONMENT: Final = {
    "PREFECT_WORKER_QUERY_SECONDS": "5",
    "PREFECT_WORKER_HEARTBEAT_SECONDS": "10",
    "PREFECT_CLIENT_RETRY_EXTRA_CODES": "500",
    # A question each client would ask first; the server is of this very installation.
    "PREFECT_CLIENT_SERVER_VERSION_CHECK_ENABLED": "false",
}

#: Dask's settings: a node that lost its power is given up after a minute, and work that no node is left for
#: fails after two, to be tried again by the job's own rule. Sampling itself a hundred times a second costs a worker
#: 3 % of a core, for pages that nobody opens.
DASK_ENVIRONMENT: Final = {
    "DASK_DISTRIBUTED__SCHEDULER__WORKER_TTL": "60s",
    "DASK_DISTRIBUTED__SCHEDULER__NO_WORKERS_TIMEOUT": "120s",
    "DASK_DISTRIBUTED__WORKER__PROFILE__ENABLED": "False",
    "DASK_DISTRIBUTED__ADMIN__TICK__INTERVAL": "500ms",
}

#: Without a dashboard, Dask's programs still serve numbers to everybody, at every address of the node: not these.
DASK_PAGES: Final = ("--no-dashboard", "--dashboard-address", "127.0.0.1:0")


#: Prefect's settings by which this node trusts the certificate of a proxy in front of the site.
_TLS_SETTINGS: Final = ("PREFECT_API_SSL_CERT_FILE", "PREFECT_API_TLS_INSECURE_SKIP_VERIFY")


def member_environment(server: PrefectServer) -> dict[str, str]:
    """The environment of a process of a node that joins; of Prefect's settings it has those of the site alone.

    Args:
        server: of the site.

    Returns:
        Environment variables.
    """
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PREFECT_")}
    trusted = {name: os.environ[name] for name in _TLS_SETTINGS if name in os.environ}
    return kept | trusted | server.environment


def require_login(server: PrefectServer) -> None:
    """Check that a site's Prefect server takes the login that is kept in its database, before anything is started.

    Raises:
        SiteError: it does not: the database is another site's.
        PlatformError: it does not respond, or its certificate is not trusted.
        UserError: it is no Prefect server.
    """
    try:
        with temporary_settings(client_settings(server)), dispatcher() as prefect:
            prefect.health.server()
    except UserError as error:
        refusal = error.__cause__
        if not isinstance(refusal, PrefectHTTPStatusError) or refusal.response.status_code != codes.UNAUTHORIZED:
            raise
        raise SiteError(
            f"The Prefect server at {server.api_url} does not take the login that is kept in the database which "
            "REELMILL_DATABASE_URL names: set that to what `reelmill login --database` prints on the site's own node."
        ) from error


@contextmanager
def _database_in_words() -> Iterator[None]:
    """Raise that the site's database does not open, with the setting that names it."""
    try:
        yield
    except SiteError:
        raise
    except PlatformError as error:
        raise SiteError(
            f"The database that REELMILL_DATABASE_URL names does not open ({error}): set it to what "
            "`reelmill login --database` prints on the site's own node."
        ) from error


def prefect_worker(settings: Settings, pool: Pool) -> list[str]:
    """The module and arguments of this node's worker of a pool."""
    name = f"{settings.node_name}-{pool.name}"
    return ["prefect", "worker", "start", "--pool", pool.name, "--name", name, "--type", pool.type]


def dask_worker(settings: Settings, scheduler: str, env: Mapping[str, str]) -> tuple[list[str], dict[str, str]]:
    """The module, arguments and environment of this node's Dask worker.

    Threads, since ffmpeg and PyAV release the GIL; no memory limit, since what encodes are processes of their own.

    Args:
        settings: of this node.
        scheduler: address of the Dask scheduler.
        env: what the environment is made from.

    Returns:
        Module and arguments, and the environment.
    """
    arguments = ["dask", "worker", scheduler, "--name", settings.node_name, "--nworkers", "1", "--nthreads"]
    arguments += [str(cores()), *DASK_PAGES, "--memory-limit", "0"]
    arguments += ["--local-directory", str(settings.data_dir / "dask")]
    if settings.listen is not None:
        arguments += ["--host", settings.listen]
    return arguments, {**env, **DASK_ENVIRONMENT}


def await_workers(server: PrefectServer, settings: Settings, served: Sequence[Pool], children: Sequence[Child]) -> None:
    """Wait until this node has a worker online in each of the pools it serves.

    Raises:
        SiteError: a process has ended, or they take too long.
        PlatformError, UserError: the server is away, or does not take the login.
    """
    deadline = time.monotonic() + _WORKER_SECONDS
    waiting = {f"{settings.node_name}-{pool.name}" for pool in served}
    with temporary_settings(client_settings(server)), dispatcher() as prefect:
        while waiting:
            waiting -= {worker.name for node in prefect.nodes.all() for worker in node.workers if worker.online}
            for child in children:
                child.check()
            if time.monotonic() > deadline:
                reason = f"No worker came up as {', '.join(sorted(waiting))}; logs: {settings.log_dir}"
                raise SiteError(reason, SiteTrouble.SILENT, ", ".join(sorted(waiting)))
            time.sleep(0.3)


class Member(Supervisor):
    """This node as a part of a site that runs on another; use as a context.

    Args:
        api_url: the site's Prefect server.
        dask_address: its Dask scheduler.
        notify: called with a line on what is being done.
        takes_jobs: serve the pools, too; else this node only helps with the chunks and time ranges of others' jobs.

    Raises:
        SiteError: the site is not to be reached, the library is not mounted, or a worker does not come up.
        PlatformError, UserError: its database does not answer, or its server does not take the login kept there.
    """

    def __init__(self, api_url: str, dask_address: str, notify: Notify, *, takes_jobs: bool = True):
        super().__init__(notify)
        self.settings = get_settings()
        self._pools = pools() if takes_jobs else ()
        self._server, self._dask = PrefectServer(api_url=api_url), dask_address

    def _up(self, stack: ExitStack) -> None:
        settings = self.settings
        if settings.database_url is None:
            raise SiteError(
                "Set REELMILL_DATABASE_URL to the site's database first: its `reelmill up` prints the line.",
                SiteTrouble.DATABASE,
            )
        for name, url in (("Prefect server", self._server.api_url), ("Dask scheduler", self._dask)):
            if not accepts_connections(url):
                reason = f"The site's {name} does not answer at {url}; is it up, with --listen?"
                raise SiteError(reason, SiteTrouble.SILENT, url)
        root = MediaRoot(settings.media_root)
        if not root.mounted:
            reason = f"Nothing is in the media root {root.path}; mount the site's library there first."
            raise SiteError(reason, SiteTrouble.MEDIA_ROOT, root.path)
        with _database_in_words():
            self._server = replace(self._server, auth_string=auth_string())  # whoever has the database has this, too
            keys = dask_keys()
            require_joined(root)
        require_login(self._server)
        make_folders(settings)
        env = member_environment(self._server) | {"REELMILL_DASK_ADDRESS": self._dask}
        if keys is not None:
            env |= dask_environment(keys, settings.data_dir)
        stack.callback(self._end)
        self._notify("workers")
        self._children.append(Child.start("dask-worker", *dask_worker(settings, self._dask, env), settings.log_dir))
        for pool in self._pools:
            worker = Child.start(
                f"worker-{pool.name}", prefect_worker(settings, pool), env | WORKER_ENVIRONMENT, settings.log_dir
            )
            self._children.append(worker)
        await_workers(self._server, settings, self._pools, self._children)

    def _check_rest(self) -> None:
        """All that this node has of the site are processes."""

    def _end(self) -> None:
        for child in self._children:
            child.request_end()
        for child in self._children:
            child.wait(self.settings.drain_seconds + _END_SECONDS)
            child.end(_END_SECONDS)
        self._children.clear()
