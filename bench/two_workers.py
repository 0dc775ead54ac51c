"""``two_workers``: seconds of a re-encode by one Dask worker, against two, each on a core of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, Final

import distributed

from bench.harness import Row, compare, wall
from bench.library import library
from bench.reel import ROUND, reel, remade
from deployments.member import DASK_ENVIRONMENT
from reelmill.catalogue.engine import database_url
from reelmill.operations.jobs.reencode import reencode
from reelmill.parallel import FanOut, Result, Work, ignore
from reelmill.settings import get_settings

ROUNDS: Final = 8
SIZE: Final = (640, 360)
LIMIT: Final = "the sound, one worker's beside its chunks, and what the job does by itself: plan, joining, comparing"
_WAIT_SECONDS: Final = 60


def run(runs: int) -> Row:
    """Measure."""
    cores = sorted(os.sched_getaffinity(0))[:2]
    with library() as bench, ExitStack() as stack:
        video_id, _ = reel(bench, ROUNDS, SIZE)
        folder = bench.root.path.parent
        os.sched_setaffinity(0, cores[:1])  # the job itself is at home with the first worker
        clients = [stack.enter_context(_nodes(folder / str(count), cores[:count])) for count in (2, 1)]

        def seconds(client: Any) -> float:
            fan_out = _on(client)
            took = wall(lambda: reencode(bench, video_id, fan_out=fan_out, decode_fan_out=fan_out))
            remade(bench)
            return took

        return compare(
            "two_workers", f"one worker on one core ({ROUNDS * ROUND} s of 360p30 in {ROUNDS} chunks)", "seconds", 1.8,
            LIMIT, ours=lambda: seconds(clients[0]), theirs=lambda: seconds(clients[1]), runs=runs,
        )  # fmt: skip


@contextmanager
def _nodes(folder: Path, cores: Sequence[int]) -> Iterator[Any]:
    """A client of a Dask cluster with a worker on each of these cores."""
    connect: Any = distributed.Client
    with ExitStack() as stack:
        folder.mkdir()
        address = folder / "scheduler.json"
        scheduler = [
            "scheduler",
            "--host",
            "127.0.0.1",
            "--port",
            "0",
            "--no-dashboard",
            "--scheduler-file",
            str(address),
        ]
        stack.enter_context(_dask(scheduler, cores[0], folder))
        for core in cores:
            worker = ["worker", "--scheduler-file", str(address), "--name", f"core-{core}", "--nthreads", "1"]
            worker += ["--no-dashboard", "--memory-limit", "0", "--local-directory", str(folder), "--host", "127.0.0.1"]
            stack.enter_context(_dask(worker, core, folder))
        client = stack.enter_context(connect(scheduler_file=str(address), timeout=_WAIT_SECONDS))
        client.wait_for_workers(len(cores), timeout=_WAIT_SECONDS)
        yield client


@contextmanager
def _dask(arguments: Sequence[str], core: int, folder: Path) -> Iterator[None]:
    """A part of the cluster, with the settings of a node of its own."""
    env = {
        **os.environ,
        **DASK_ENVIRONMENT,
        "REELMILL_DATABASE_URL": database_url(get_settings()).replace("+psycopg", ""),
        "REELMILL_DATA_DIR": str(folder / f"core-{core}"),
        "REELMILL_NODE_NAME": f"core-{core}",
    }
    command = [sys.executable, "-m", "dask", *arguments]
    with (folder / "log").open("ab") as log:
        process = subprocess.Popen(
            command, env=env, stdout=log, stderr=log, preexec_fn=lambda: os.sched_setaffinity(0, [core])
        )
    try:
        yield
    finally:
        process.terminate()
        process.wait()


def _on(client: Any) -> FanOut:
    """A fan-out to the workers of a cluster, without a Prefect server between."""

    def fan_out(
        function: Callable[[Work], Result], works: Sequence[Work], done: Callable[[Result], None] = ignore
    ) -> list[Result]:
        futures = [client.submit(function, work, pure=False) for work in works]
        ended: Any = distributed.as_completed
        for future in ended(futures, loop=client.loop):  # two clients, each with a loop of its own
            done(future.result())
        return [future.result() for future in futures]

    return fan_out
