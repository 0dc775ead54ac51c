"""A whole site on one node: database, Prefect server, workers; brought up in order and ended in reverse."""

from __future__ import annotations

import os
import time
import uuid
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from typing import Any, Final

from prefect.client.orchestration import get_client
from prefect.settings import temporary_settings
from sqlalchemy import text

from deployments.access import (
    LOOPBACK,
    SERVER_AUTH_VARIABLE,
    client_settings,
    dask_environment,
    refuse_open_site,
    require_own_address,
    settle_auth_string,
    settle_dask_keys,
)
from deployments.apply import apply
from deployments.folders import make_folders, media_root_in_words, require_mounted
from deployments.hourly import HOURLY
from deployments.member import (
    DASK_ENVIRONMENT,
    DASK_PAGES,
    WORKER_ENVIRONMENT,
    await_workers,
    dask_worker,
    prefect_worker,
)
from deployments.ports import free_ports, is_free, is_healthy
from deployments.processes import Child
from deployments.rest_api import RestApi
from deployments.supervisor import Notify, Supervisor
from reelmill.catalogue.engine import bring_up_to_date, database_url, embedded, get_engine, session
from reelmill.dispatch import Dispatcher, dispatcher, server_errors
from reelmill.dispatch.tables import indexes
from reelmill.errors import SiteError, UserError
from reelmill.operations import ownership
from reelmill.operations.chunk_store import eviction
from reelmill.operations.publishing.workspace import reconcile
from reelmill.origin_guard import own_origins
from reelmill.report import LogReport
from reelmill.settings import Settings, get_settings
from reelmill.site_discovery import PrefectServer, SiteRecord
from reelmill.storage.file_lock import FileLock
from reelmill.storage.media_root import MediaRoot
from reelmill.troubles import SiteTrouble
from workpools.pools import pools

_SERVER_SECONDS: Final = 300  # the first start migrates Prefect's database
_END_SECONDS: Final = 15
_DASK_PORT: Final = 8786
_TIDY_SECONDS: Final = 3600  # between two checks of the chunks of unfinished work
#: Which rows Prefect's server removes by itself; an admin may have chosen already.
_VACUUM: Final = "PREFECT_SERVER_SERVICES_DB_VACUUM_ENABLED"


class _NotifyingReport(LogReport):
    """Logs what reconciliation does, and notifies whoever brings the site up."""

    def __init__(self, notify: Notify):
        super().__init__()
        self._notify = notify

    def line(self, text: str) -> None:
        super().line(text)
        self._notify(text)


class Site(Supervisor):
    """Use as a context: up inside the block, down after it.

    Args:
        settings: this node's.
        notify: called with a line on what is being done.
        take_over: make a library this site's that belongs to another, which is gone for good.

    Raises:
        SiteError: another site holds the data folder or the library, or a part of this one does not come up.
    """

    def __init__(self, settings: Settings | None = None, notify: Notify = lambda _: None, *, take_over: bool = False):
        super().__init__(notify)
        self._take_over = take_over
        self.settings = settings or get_settings()
        self.server = PrefectServer(api_url="")
        self.dask_address: str | None = self.settings.dask_address
        self._dask_environment: dict[str, str] = {}
        self._host = self.settings.listen or LOOPBACK
        self._rest_api: RestApi | None = None
        self._tidied = 0.0  # when last, by the monotonic clock

    @property
    def api_url(self) -> str:
        """Prefect's API."""
        return self.server.api_url

    @property
    def ui_url(self) -> str:
        """The Prefect UI."""
        return self.server.ui_url

    @property
    def rest_url(self) -> str | None:
        """The REST API; None where it is left out."""
        return None if self._rest_api is None else self._rest_api.url

    @property
    def database_url_for_others(self) -> str | None:
        """How nodes that join reach the catalogue, its password included; None where it is this node's alone."""
        external = self.settings.database_url
        return external if external is not None else embedded(self.settings.postgres_dir).url_for_others()

    @property
    def client_settings(self) -> dict[Any, str | None]:
        """Prefect's settings of whoever asks this site's server."""
        return client_settings(self.server)

    def _check_rest(self) -> None:
        with self.outlived("database"):  # a killed one's processes take a moment to be gone
            self._revive_database()
        if time.monotonic() - self._tidied > _TIDY_SECONDS:
            self.tidy()
            self._do_hourly()

    def _can_revive(self) -> bool:
        """Whether the database answers: while it recovers, a Prefect server that starts would end at once."""
        with self.outlived("revival"):
            self._revive_database()  # it may have been killed since it was checked, with the process or before it
            with session() as opened:
                opened.connection().execute(text("SELECT 1"))
            return True
        return False

    def _revive_database(self) -> None:
        if self.settings.database_url is not None:  # an external server is not ours to start
            return
        if embedded(self.settings.postgres_dir).keep_up():
            self._notify("the database was killed; started again")

    def tidy(self) -> None:
        """Hold the chunk store within its bounds; the server knows which jobs will go on."""
        self._tidied = time.monotonic()
        with self.outlived("tidying"), temporary_settings(self.client_settings), dispatcher() as prefect:
            root = MediaRoot(self.settings.media_root)
            eviction.tidy(
                root, self.settings.chunk_store_bytes, partial(_resumable, prefect), _NotifyingReport(self._notify)
            )

    def _do_hourly(self) -> None:
        for what, act in HOURLY.items():
            with self.outlived(what), temporary_settings(self.client_settings):
                act(self.settings, self._notify)

    def _up(self, stack: ExitStack) -> None:
        settings = self.settings
        refuse_open_site(settings)
        require_own_address(settings)
        make_folders(settings)
        stack.enter_context(_alone(settings.data_dir))
        root = MediaRoot(settings.media_root)
        self._notify("database")
        bring_up_to_date(settings)
        stack.callback(_release_database, settings)
        self.server = PrefectServer(api_url="", auth_string=settle_auth_string(settings))
        with media_root_in_words(root):
            self._prepare(root)
        stack.callback(self._end_children)
        self._notify("Prefect server (the first start takes a little longer)")
        self._start_server()
        with self.outlived("indexes"):  # a site works without them, if slower
            indexes.ensure(get_engine(settings), self._notify)
        self._start_dask()
        with temporary_settings(self.client_settings):
            with server_errors(), get_client(sync_client=True) as client:
                apply(client, notify=self._notify)
            self.tidy()
            self._notify("workers")
            if settings.api == "on":
                self._rest_api = RestApi(settings, self._host, self._start_rest_api)
            self._start_workers()
            if self._rest_api is not None:  # which came up beside the workers
                self._rest_api.await_health()
        record = settings.data_dir / "site.json"
        SiteRecord(
            **asdict(self.server),
            pid=os.getpid(),
            rest_url=self.rest_url,
            media_root=str(settings.media_root),
            database_url=self.database_url_for_others,
        ).write(record)
        stack.callback(record.unlink, missing_ok=True)

    def _prepare(self, root: MediaRoot) -> None:
        """Make the library ours and whole, before anything works on it."""
        require_mounted(root)
        if self._take_over:
            ownership.take_over(root)
        ownership.require_ours(root, claim=False)  # before a folder is made in another's library
        root.create()
        ownership.require_ours(root)
        settled = reconcile(root, _NotifyingReport(self._notify))
        if settled:
            self._notify(f"unfinished work of earlier runs tidied: {settled}")

    def _environment(self) -> dict[str, str]:
        settings = self.settings
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("PREFECT_")}
        chosen = {name: value for name, value in os.environ.items() if name.startswith("PREFECT_LOGGING_")}
        return {
            **inherited,
            **chosen,
            "REELMILL_DATA_DIR": str(settings.data_dir),
            "REELMILL_MEDIA_ROOT": str(settings.media_root),
            "REELMILL_DATABASE_URL": database_url(settings).replace("+psycopg", ""),
            "PREFECT_HOME": str(settings.prefect_home),
            "PREFECT_PROFILES_PATH": str(settings.prefect_home / "profiles.toml"),
            "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
            **self.server.environment,
            **({} if self.dask_address is None else {"REELMILL_DASK_ADDRESS": self.dask_address}),
            **self._dask_environment,
        }

    def _start_dask(self) -> None:
        """Where others may join: a Dask scheduler, and a worker of our own."""
        if self.settings.listen is None:
            return
        port = next(free_ports(self._host, _DASK_PORT))
        self.dask_address = f"tls://{self._host}:{port}"
        self._dask_environment = dask_environment(settle_dask_keys(), self.settings.data_dir)
        scheduler = ["dask", "scheduler", "--host", self._host, "--port", str(port), *DASK_PAGES]
        self._start("dask-scheduler", scheduler, {**self._environment(), **DASK_ENVIRONMENT})
        self._start("dask-worker", *dask_worker(self.settings, self.dask_address, self._environment()))

    def _start_server(self) -> None:
        first = self.settings.prefect_port
        for port in free_ports(self._host, first):
            if self._serve(port):
                return
        reason = f"No port from {first} on is free for the Prefect server; set REELMILL_PREFECT_PORT."
        raise SiteError(reason, SiteTrouble.NO_PORT, str(first))

    def _start_rest_api(self, arguments: list[str], env: Mapping[str, str]) -> Child:
        """Start its process, in the place of one whose port was taken meanwhile."""
        self._children = [child for child in self._children if child.name != "api"]
        return self._start("api", arguments, {**self._environment(), **env})

    def _serve(self, port: int) -> bool:
        """Start the server; returns False where another program was quicker to take the port."""
        self.server = replace(self.server, api_url=f"http://{self._host}:{port}/api")
        env = {
            **self._environment(),
            "PREFECT_API_DATABASE_CONNECTION_URL": database_url(self.settings, "asyncpg"),
            "PREFECT_SERVER_CONCURRENCY_LEASE_STORAGE": "prefect.server.concurrency.lease_storage.filesystem",
            "PREFECT_UI_API_URL": self.api_url,
            **self._protection(port),
            # Waiting hours for its turn is no fault of a job, and naming a thousand of them late, one by one, slowed
            # the server to half.
            "PREFECT_SERVER_SERVICES_LATE_RUNS_ENABLED": "false",
            # Artifacts outlive their run, and would pile up; Prefect removes them where that is switched on.
            _VACUUM: os.environ.get(_VACUUM, "events,orphans"),
        }
        program = ["prefect", "server", "start"]
        if self.server.auth_string is None:
            program = ["uvicorn", "--factory", "deployments.guard:server"]
        server = self._start("server", [*program, "--host", self._host, "--port", str(port)], env)
        deadline = time.monotonic() + _SERVER_SECONDS
        # A server that answers may be another site's, which came up at the same moment.
        while not (is_healthy(f"{self.api_url}/health") and server.listens(port)):
            if server.ended and not is_free(self._host, port):
                self._children.remove(server)
                return False
            server.check()
            if time.monotonic() > deadline:
                reason = f"The Prefect server did not answer within {_SERVER_SECONDS} s; its log: {server.log}"
                raise SiteError(reason, SiteTrouble.SILENT, self.api_url)
            time.sleep(0.2)
        return True

    def _protection(self, port: int) -> dict[str, str]:
        """The server's settings by which neither this node's other accounts nor web pages get at it.

        A login travels in a header that a foreign page cannot know; where there is none, a page is kept from changing
        anything by the token that it cannot read, and by the guard.

        Args:
            port: that it listens on.

        Returns:
            Environment variables.
        """
        auth_string = self.server.auth_string
        return {
            "PREFECT_SERVER_CORS_ALLOWED_ORIGINS": ",".join(own_origins(self._host, port)),
            "PREFECT_SERVER_API_CSRF_PROTECTION_ENABLED": str(auth_string is None).lower(),
            **({} if auth_string is None else {SERVER_AUTH_VARIABLE: auth_string}),
        }

    def _start_workers(self) -> None:
        settings = self.settings
        for pool in pools():
            arguments = [*prefect_worker(settings, pool), "--limit", str(pool.limit)]
            self._start(f"worker-{pool.name}", arguments, {**self._environment(), **WORKER_ENVIRONMENT})
        await_workers(self.server, settings, pools(), self._children)

    def _start(self, name: str, arguments: list[str], env: dict[str, str]) -> Child:
        child = Child.start(name, arguments, env, self.settings.log_dir)
        self._children.append(child)
        return child

    def _end_children(self) -> None:
        """End the workers first, all at once, while the servers still serve them; then those, the last one first."""
        self._notify("ending; what runs may end first (Ctrl-C again: it goes back into its lane)")
        workers = [child for child in self._children if child.name.startswith("worker-")]
        servers = [child for child in reversed(self._children) if child not in workers]
        for child in workers:
            child.request_end()
        try:
            for child in workers:
                child.wait(self.settings.drain_seconds + _END_SECONDS)
        except KeyboardInterrupt:
            for child in workers:
                child.request_end()
        for child in workers:
            child.end(_END_SECONDS)
        for child in servers:
            child.request_end()
            child.end(_END_SECONDS)
        self._children.clear()


@contextmanager
def _alone(data_dir: Path) -> Iterator[None]:
    """Hold the data folder by a lock, which the kernel releases whatever ends us."""
    path = data_dir / "site.lock"
    lock = FileLock.try_acquire(path)
    if lock is None:
        holder = path.read_text(errors="replace").strip() or "unknown"
        raise SiteError(
            f"A site is already up on {data_dir} (process {holder}); stop it, or choose another REELMILL_DATA_DIR.",
            SiteTrouble.NAME_TAKEN,
            data_dir,
        )
    with lock:
        path.write_text(str(os.getpid()))
        yield


def _resumable(prefect: Dispatcher, run_id: uuid.UUID) -> bool:
    """Whether a job may yet go on; one that ended is begun anew only by a person, and finds what is still kept."""
    try:
        return not prefect.jobs.read(run_id).over
    except UserError:  # the server does not know it any more
        return False


def _release_database(settings: Settings) -> None:
    get_engine(settings).dispose()
    if settings.database_url is None:  # an external server is not ours to stop
        embedded(settings.postgres_dir).release()
