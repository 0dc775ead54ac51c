"""A whole site on one machine: database, Prefect server, workers; brought up in order and ended in reverse."""

from __future__ import annotations

import fcntl
import os
import socket
import sys
import time
import uuid
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import IO, Final

import httpx
from prefect.client.orchestration import get_client
from prefect.settings import PREFECT_API_URL, temporary_settings

from deployments.apply import apply
from deployments.member import DASK_ENVIRONMENT, WORKER_ENVIRONMENT, await_workers, dask_worker, prefect_worker
from deployments.processes import Child
from deployments.profile import write_profile
from deployments.supervisor import Say, Supervisor
from reelmill.catalogue import queries
from reelmill.catalogue.engine import database_url, embedded, get_engine, session
from reelmill.dispatch import Dispatcher, dispatcher
from reelmill.errors import PlatformError, SiteError, UserError
from reelmill.layout import MediaRoot
from reelmill.operations import tidying
from reelmill.operations.workspace import reconcile
from reelmill.report import LogReport
from reelmill.settings import Settings, get_settings
from reelmill.site import SiteRecord
from workpools.pools import pools

_SERVER_SECONDS: Final = 120  # the first start migrates Prefect's database
_END_SECONDS: Final = 15
_DASK_PORT: Final = 8786
_TIDY_SECONDS: Final = 3600  # between two looks at what is kept of unfinished work
_PORTS: Final = 100  # tried one after the other


class _Said(LogReport):
    """What reconciliation does is logged, and told to whoever brings the site up."""

    def __init__(self, say: Say):
        super().__init__()
        self._say = say

    def line(self, text: str) -> None:
        super().line(text)
        self._say(text)


class Site(Supervisor):
    """Use as a context: up inside the block, down after it.

    Raises:
        SiteError: another site holds the data folder, or a part of this one does not come up.
    """

    def __init__(self, settings: Settings | None = None, say: Say = lambda _: None):
        super().__init__(say)
        self.settings = settings or get_settings()
        self.api_url = ""
        self.dask_address: str | None = self.settings.dask_address
        self._host = self.settings.listen or "127.0.0.1"
        self._tidied = 0.0  # when last, by the monotonic clock

    @property
    def ui_url(self) -> str:
        """The Prefect UI."""
        return self.api_url.removesuffix("/api")

    def _look(self) -> None:
        self._revive_database()
        if time.monotonic() - self._tidied > _TIDY_SECONDS:
            self.tidy()

    def _revive_database(self) -> None:
        if self.settings.database_url is not None:  # an external server is not ours to start
            return
        try:
            if embedded(self.settings.postgres_dir).keep_up():
                self._say("the database was killed; started again")
        except PlatformError as error:  # the killed one's processes take a moment to be gone
            self._say(str(error))

    def tidy(self) -> None:
        """Keep the chunk store within its bounds; the server knows which jobs will be gone on with."""
        self._tidied = time.monotonic()
        try:
            with temporary_settings({PREFECT_API_URL: self.api_url}), dispatcher() as prefect:
                root = MediaRoot(self.settings.media_root)
                tidying.tidy(root, self.settings.chunk_store_bytes, partial(_resumable, prefect), _Said(self._say))
        except PlatformError as error:  # the next look will do
            self._say(str(error))

    def _up(self, stack: ExitStack) -> None:
        settings = self.settings
        for folder in (settings.data_dir, settings.log_dir, settings.prefect_home):
            folder.mkdir(parents=True, exist_ok=True)
        stack.enter_context(_alone(settings.data_dir))
        root = MediaRoot(settings.media_root)
        self._say("database")
        get_engine(settings)
        stack.callback(_release_database, settings)
        _check_mounted(root)
        root.create()
        settled = reconcile(root, _Said(self._say))
        if settled:
            self._say(f"{settled} unfinished pieces of work of an earlier run tidied")
        stack.callback(self._end_children)
        self._say("Prefect server (the first start takes a little longer)")
        self._start_server()
        self._start_dask()
        with temporary_settings({PREFECT_API_URL: self.api_url}):
            with get_client(sync_client=True) as client:
                apply(client, say=self._say)
            self.tidy()
            self._say("workers")
            self._start_workers()
        record = settings.data_dir / "site.json"
        SiteRecord(api_url=self.api_url, pid=os.getpid(), media_root=str(settings.media_root)).write(record)
        stack.callback(record.unlink, missing_ok=True)

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
            "PREFECT_API_URL": self.api_url,
            "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
            **({} if self.dask_address is None else {"REELMILL_DASK_ADDRESS": self.dask_address}),
        }

    def _start_dask(self) -> None:
        """Where others may join: a Dask scheduler, and a worker of our own."""
        if self.settings.listen is None:
            return
        port = next(port for port in range(_DASK_PORT, _DASK_PORT + _PORTS) if _free(self._host, port))
        self.dask_address = f"tcp://{self._host}:{port}"
        scheduler = ["dask", "scheduler", "--host", self._host, "--port", str(port), "--no-dashboard"]
        self._start("dask-scheduler", scheduler, {**self._environment(), **DASK_ENVIRONMENT})
        self._start("dask-worker", *dask_worker(self.settings, self.dask_address, self._environment()))

    def _start_server(self) -> None:
        first = self.settings.prefect_port
        for port in range(first, first + _PORTS):
            if _free(self._host, port) and self._serve(port):
                return
        last = first + _PORTS - 1
        raise SiteError(f"No port from {first} to {last} is free for the Prefect server; set REELMILL_PREFECT_PORT.")

    def _serve(self, port: int) -> bool:
        """Start the server; False where somebody else was quicker to take the port."""
        self.api_url = f"http://{self._host}:{port}/api"
        env = {
            **self._environment(),
            "PREFECT_API_DATABASE_CONNECTION_URL": database_url(self.settings, "asyncpg"),
            "PREFECT_SERVER_CONCURRENCY_LEASE_STORAGE": "prefect.server.concurrency.lease_storage.filesystem",
            "PREFECT_UI_API_URL": self.api_url,
            "PREFECT_SERVER_API_CSRF_PROTECTION_ENABLED": "false",
            # Waiting hours for its turn is no fault of a job, and naming a thousand of them late, one by one, slowed
            # the server to half.
            "PREFECT_SERVER_SERVICES_LATE_RUNS_ENABLED": "false",
        }
        arguments = ["prefect", "server", "start", "--host", self._host, "--port", str(port)]
        server = self._start("server", arguments, env)
        deadline = time.monotonic() + _SERVER_SECONDS
        # A server that answers may be another site's, which came up at the same moment.
        while not (_healthy(self.api_url) and server.listens(port)):
            if server.ended and not _free(self._host, port):
                self._children.remove(server)
                return False
            server.check()
            if time.monotonic() > deadline:
                raise SiteError(f"The Prefect server did not answer within {_SERVER_SECONDS} s; its log: {server.log}")
            time.sleep(0.2)
        return True

    def _start_workers(self) -> None:
        settings = self.settings
        for pool in pools():
            arguments = [*prefect_worker(settings, pool), "--limit", str(pool.limit)]
            self._start(f"worker-{pool.name}", arguments, {**self._environment(), **WORKER_ENVIRONMENT})
        await_workers(self.api_url, settings, pools(), self._children)

    def _start(self, name: str, arguments: list[str], env: dict[str, str]) -> Child:
        child = Child(name, arguments, env, self.settings.log_dir)
        self._children.append(child)
        return child

    def _end_children(self) -> None:
        """Workers first, all at once, while the servers still take their last word; then those, the last one first."""
        self._say("ending; what runs may end first (Ctrl-C again: it goes back into its lane)")
        workers = [child for child in self._children if child.name.startswith("worker-")]
        servers = [child for child in reversed(self._children) if child not in workers]
        for child in workers:
            child.ask_to_end()
        try:
            for child in workers:
                child.wait(self.settings.drain_seconds + _END_SECONDS)
        except KeyboardInterrupt:
            for child in workers:
                child.ask_to_end()
        for child in workers:
            child.end(_END_SECONDS)
        for child in servers:
            child.ask_to_end()
            child.end(_END_SECONDS)
        self._children.clear()


@contextmanager
def _alone(data_dir: Path) -> Iterator[None]:
    """Hold the data folder; the kernel lets go of it for us, whatever ends us."""
    lock: IO[str]
    with (data_dir / "site.lock").open("a+") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.seek(0)
            holder = lock.read().strip() or "unknown"
            raise SiteError(
                f"A site is already up on {data_dir} (process {holder}); stop it, or choose another REELMILL_DATA_DIR."
            ) from None
        lock.truncate(0)
        lock.write(str(os.getpid()))
        lock.flush()
        yield


def _check_mounted(root: MediaRoot) -> None:
    """A catalogue full of videos and a root without one file: the library is not mounted."""
    with session() as opened:
        known = queries.count_videos(opened)
    if known and not root.mounted:
        raise SiteError(
            f"The media root {root.path} is empty, and the catalogue knows {known} videos in it; mount it first."
        )


def _resumable(prefect: Dispatcher, run_id: uuid.UUID) -> bool:
    """Whether a job may yet go on; one that ended is begun anew only by a person, and finds what is still kept."""
    try:
        return not prefect.read(run_id).over
    except UserError:  # the server knows it no more
        return False


def _release_database(settings: Settings) -> None:
    get_engine(settings).dispose()
    if settings.database_url is None:  # an external server is not ours to stop
        embedded(settings.postgres_dir).release()


def _free(host: str, port: int) -> bool:
    with socket.socket() as probe:
        # As the server itself binds: a port that a moment ago was somebody's is free.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
        return True


def _healthy(api_url: str) -> bool:
    try:
        return httpx.get(f"{api_url}/health", timeout=2).is_success
    except httpx.TransportError:
        return False


def announce(site: Site, say: Say) -> None:
    """Tell a person how to reach the site from another terminal."""
    active = write_profile(site.api_url)
    say(f"Prefect UI  {site.ui_url}")
    say(f"media root  {site.settings.media_root}")
    if not active:
        say("in another terminal:  prefect profile use reelmill   (or the line below)")
    say(f"export PREFECT_API_URL={site.api_url}")
    say(f"export REELMILL_DATA_DIR={site.settings.data_dir} REELMILL_MEDIA_ROOT={site.settings.media_root}")
    say(f"{Path(sys.executable).parent}/prefect deployment run scan/cpu")
    others = embedded(site.settings.postgres_dir).url_for_others()
    if site.dask_address is not None and others is not None:
        say("on another machine that has this library mounted:")
        say(f"export REELMILL_DATABASE_URL={others}")
        say(f"reelmill join {site.api_url} {site.dask_address} --media-root FOLDER")
