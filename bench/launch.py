"""``launch``: load tests handed in by the launcher over the REST API, against the rate of the one it replaces."""

from __future__ import annotations

import socket
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager

import uvicorn

from bench.harness import Row, compare, wall
from bench.site import bench_site
from reelmill.api.access.caller import Caller
from reelmill.api.access.roles import Role
from reelmill.api.app import create_app
from reelmill.api.services import Services, open_services
from reelmill.launch.client import SiteApi
from reelmill.launch.options import MIXED, RANDOM, lanes_of, launch_options
from reelmill.launch.pace import Pace
from reelmill.launch.plan import batches, draw_jobs
from reelmill.launch.sender import Sender
from workpools.pools import pools

JOBS = 1_000
SENT = 200  # of them are really sent; each takes as long as any other
BATCH = 50
DELAY = 0.1  # seconds
WAIT_SECONDS = 120.0
REPLACED = 10  # jobs a second of the launcher that this one replaces
LIMIT = "Prefect's server, which checks and inserts each run by itself; lanes are handed in apart from each other"


class _Everybody:
    """Lets everybody in."""

    def caller(self, authorization: str | None, address: str) -> Caller:
        return Caller("bench", Role.SUPER_ADMIN)


def run(runs: int) -> Row:
    """Measure."""
    with bench_site() as bench, open_services(_Everybody()) as services, _served(services) as url:
        for pool in pools():
            bench.pause(pool.name)
        _await_encoders(services)

        def ours() -> float:
            seconds = wall(lambda: _launch(url))
            bench.forget_runs()
            return seconds * JOBS / SENT

        return compare(
            "launch", f"{REPLACED} jobs/s, as the launcher it replaces", f"seconds for {JOBS:,} jobs", 1, LIMIT,
            ours=ours, theirs=lambda: JOBS / REPLACED, runs=runs,
        )  # fmt: skip


def _await_encoders(services: Services) -> None:
    """Nodes publish what they can encode some seconds after they have come up, and a launch draws only that."""
    deadline = time.monotonic() + WAIT_SECONDS
    while not any(node.hardware.get("encoders") for node in services.dispatcher.snapshot.now().nodes):
        assert time.monotonic() < deadline, "no node has published its encoders"
        time.sleep(0.5)


def _launch(url: str) -> None:
    options = launch_options(
        count=SENT, scenario=RANDOM, lanes=lanes_of(MIXED, MIXED), engine="auto", duration="30-300", bit_rate="auto"
    )
    with SiteApi(url) as api:
        jobs = draw_jobs(options, api.workers(), seed=1)
        sender = Sender(api, Pace(DELAY), uuid.uuid4().hex, threading.Event().wait)
        for result in sender.send(batches(jobs, BATCH)):
            assert result.error is None, result.error


@contextmanager
def _served(services: Services) -> Iterator[str]:
    """The API behind a port of this node."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        server = uvicorn.Server(uvicorn.Config(create_app(services), log_level="warning", lifespan="off"))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
        thread.start()
        try:
            while not server.started:
                time.sleep(0.05)
            yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        finally:  # else a row that fails never ends
            server.should_exit = True
            thread.join()
