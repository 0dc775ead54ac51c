"""A mixed load on a whole site, whose parts are killed at random moments: reproducible by its seed."""

from __future__ import annotations

import os
import random
import signal
import time
import uuid
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Final, TypeVar

import httpx
import psutil
from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterId
from prefect.client.schemas.objects import FlowRun, StateType

from deployments.site import Site
from reelmill.dispatch import Dispatcher
from reelmill.errors import PlatformError, UserError
from reelmill.queue import retry_policy
from reelmill.queue.job import lane_of
from tests.patience import PATIENCE

T = TypeVar("T")

POOLS: Final = ("cpu", "gpu_encode", "gpu_ai")
KINDS: Final = ("job", "worker", "server", "database", "everything")
FINAL: Final = {StateType.COMPLETED, StateType.FAILED, StateType.CRASHED, StateType.CANCELLED}
AWAY: Final = (httpx.HTTPError, PlatformError)  # what a test meets while it has killed the server


@dataclass
class Planned:
    """One job of the load, and what was done to it."""

    key: str
    does: str
    run: uuid.UUID
    cancelled: bool = False
    paused: bool = False


@dataclass
class Chaos:
    """Hands jobs in and kills, until its time is over; then lets everything come to its end."""

    site: Site
    client: SyncPrefectClient
    folder: Path
    dice: random.Random
    planned: list[Planned] = field(default_factory=list)
    kills: Counter[str] = field(default_factory=Counter)

    def run(self, seconds: float) -> None:
        """The load and the kills; every kind of kill comes once before any comes twice."""
        for pool in POOLS:
            self._deploy(pool)
        kinds = self._kinds()
        self._hand_in(10)
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline or len(self.kills) < len(KINDS):
            self._try(partial(self._hand_in, self.dice.randint(1, 3)))
            self._try(self._meddle)
            self.site.watch(self.dice.uniform(0.2, 1.5))
            kind = next(kinds)
            getattr(self, f"_kill_{kind}")()
            self.kills[kind] += 1
            self.site.watch(self.dice.uniform(0.2, 1.0))
        self._resume_all()

    def settle(self, seconds: float) -> dict[uuid.UUID, FlowRun]:
        """Wait until every job is over; answers with them as they are then."""
        deadline = time.monotonic() + seconds
        while True:
            self.site.watch(0.5)
            found = self._try(self._read) or {}
            if len(found) == len(self.planned) and all(_over(run) for run in found.values()):
                return found
            if time.monotonic() > deadline:
                return found

    def _kinds(self) -> Iterator[str]:
        while True:
            yield from self.dice.sample(KINDS, len(KINDS))

    def _try(self, what: Callable[[], T]) -> T | None:
        """Whatever was killed is away for a moment; a person would try again, and so do we, later."""
        self._until_up()
        try:
            return what()
        except AWAY:
            return None

    def _until_up(self) -> None:
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            self.site.watch(0.2)
            try:
                if httpx.get(f"{self.site.api_url}/ready", timeout=2).is_success:
                    return
            except httpx.TransportError:
                continue

    def _deploy(self, pool: str) -> None:
        self.client.create_deployment(
            flow_id=self.client.create_flow_from_name("load"),
            name=pool,
            entrypoint="tests.soak.load.load",
            work_pool_name=pool,
            work_queue_name=lane_of(5),
            pull_steps=[],
            tags=[pool],
        )

    def _hand_in(self, count: int) -> None:
        for _ in range(count):
            pool = self.dice.choice(POOLS)
            key = f"{len(self.planned):04}"
            does = self.dice.choices(("good", "flaky", "bad"), (8, 2, 1))[0]
            deployment = self.client.read_deployment_by_name(f"load/{pool}")
            run = self.client.create_flow_run_from_deployment(
                deployment.id,
                parameters={
                    "key": key,
                    "folder": str(self.folder),
                    "does": does,
                    "seconds": round(self.dice.uniform(0.1, 3), 2),
                },
                job_variables={
                    "vram_mb": 0 if pool == "cpu" else self.dice.choice((1000, 6000, 9000)),
                    "max_retries": 100,
                },
                work_queue_name=lane_of(self.dice.randint(1, 10)),
                idempotency_key=f"{self.folder}/{key}",
            )
            self.planned.append(Planned(key, does, run.id))

    def _meddle(self) -> None:
        """Now and then a person cancels a job, or pauses one."""
        planned, what = self.dice.choice(self.planned), self.dice.random()
        try:
            if what < 0.15:
                Dispatcher(self.client).jobs.cancel(planned.run)
                planned.cancelled = True
            elif what < 0.4:
                Dispatcher(self.client).jobs.pause(planned.run)
                planned.paused = True
        except UserError:  # it is over, or just being started
            return

    def _resume_all(self) -> None:
        waiting = [planned for planned in self.planned if planned.paused]
        while waiting:
            self.site.watch(0.5)
            waiting = [planned for planned in waiting if not self._try(partial(self._resumed, planned))]

    def _resumed(self, planned: Planned) -> bool:
        try:
            Dispatcher(self.client).jobs.resume(planned.run)
        except UserError:  # it is not paused
            return True
        return True

    def _read(self) -> dict[uuid.UUID, FlowRun]:
        found: dict[uuid.UUID, FlowRun] = {}
        ids = [planned.run for planned in self.planned]
        for start in range(0, len(ids), 200):
            chosen = FlowRunFilter(id=FlowRunFilterId(any_=ids[start : start + 200]))
            found |= {run.id: run for run in self.client.read_flow_runs(flow_run_filter=chosen, limit=200)}
        return found

    # --- kills ----------------------------------------------------------------------------------------------------

    def _kill_job(self) -> None:
        jobs = self.families()
        if jobs:
            _kill([self.dice.choice(jobs)])

    def _kill_worker(self) -> None:
        _kill([self.dice.choice(self._parts("worker start"))])

    def _kill_server(self) -> None:
        _kill(self._parts("server start"))

    def _kill_database(self) -> None:
        _kill(self._database())

    def _kill_everything(self) -> None:
        _kill([*self._parts("worker start"), *self._parts("server start"), *self._database(), *self.families()])

    def _parts(self, words: str) -> list[psutil.Process]:
        port = self.site.api_url.rpartition(":")[2].removesuffix("/api")
        return [child for child in psutil.Process().children() if _is_part(child, words, port)]

    def _database(self) -> list[psutil.Process]:
        try:
            pid = int((self.site.settings.postgres_dir / "data" / "postmaster.pid").read_text().split()[0])
            server = psutil.Process(pid)
            return [server, *server.children()]
        except (OSError, psutil.NoSuchProcess):
            return []

    def families(self) -> list[psutil.Process]:
        """The living processes of jobs of this load."""
        found = []
        for notes in self.folder.glob("*.notes"):
            pid = int(notes.read_text().splitlines()[-1].split()[1])
            try:
                process = psutil.Process(pid)
                if "forkserver" in " ".join(process.cmdline()) and process.status() != psutil.STATUS_ZOMBIE:
                    found.append(process)
            except psutil.NoSuchProcess:
                continue
        return found


def _is_part(process: psutil.Process, words: str, port: str) -> bool:
    """Whether this is the server, or a worker, of the site on this port; other sites have parts like these."""
    try:
        ours = f"127.0.0.1:{port}/" in process.environ().get("PREFECT_API_URL", "")
        return ours and words in " ".join(process.cmdline())
    except psutil.NoSuchProcess:  # killed before, and not asked for its end yet
        return False


def _kill(processes: list[psutil.Process]) -> None:
    for process in processes:
        try:
            os.kill(process.pid, signal.SIGKILL)
        except ProcessLookupError:
            continue


def _over(run: FlowRun) -> bool:
    """Final, and not a failure that its rule has yet to be applied to."""
    if run.state is None or run.state.type not in FINAL:
        return False
    if run.state.type in (StateType.FAILED, StateType.CRASHED):
        return run.labels.get(retry_policy.RETRYABLE_LABEL) is False or retry_policy.DEAD_LETTER in run.tags
    return True
