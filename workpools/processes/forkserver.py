"""Processes for runs: forked from one preloaded server, each a process group of its own, ended whole."""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import signal
import socket
from collections.abc import Sequence
from contextlib import suppress
from functools import partial
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from typing import Final

import anyio.to_thread
from prefect.client.orchestration import PrefectClient
from prefect.client.schemas.filters import WorkPoolFilter, WorkPoolFilterName
from prefect.settings import get_current_settings

from workpools.processes import run_process
from workpools.server_calls import all_pages

#: Names the modules to preload, joined by commas; the forkserver reads it as it starts.
PRELOAD_VARIABLE: Final = "REELMILL_PRELOAD"

_KILL_SECONDS: Final = 2.0  # for the kernel to be done with a killed process group


class RunProcess:
    """One run's process and everything it started: one process group."""

    def __init__(self, process: ForkServerProcess):
        self._process = process
        self.ended = asyncio.Event()
        assert process.pid is not None
        self.pid: int = process.pid
        self._started = start_time(self.pid)
        self.identifier = f"{socket.gethostname()}:{self.pid}:{self._started}"
        self._loop = asyncio.get_running_loop()
        self._loop.add_reader(process.sentinel, self._on_end)

    def _on_end(self) -> None:
        self._loop.remove_reader(self._process.sentinel)
        self.ended.set()

    @property
    def exit_code(self) -> int | None:
        """Once ended: its code, or minus the signal that killed it; 255 where the forkserver died before."""
        self._process.join(0)
        return self._process.exitcode

    def request_end(self) -> None:
        """Ask it to end now: its finally blocks run, and its state on the server stays as it is."""
        if not self.ended.is_set():
            with suppress(ProcessLookupError):
                os.kill(self.pid, run_process.STOP_SIGNAL)

    async def stop(self, grace: float) -> None:
        """Ask it to end, and kill it after ``grace`` seconds; nothing of the process group is left."""
        self.request_end()
        with suppress(TimeoutError):
            await asyncio.wait_for(self.ended.wait(), grace)
        await self.kill()

    async def kill(self) -> None:
        """Kill whatever is left of the process group, now."""
        deadline = self._loop.time() + _KILL_SECONDS
        while (_kill_all(self.pid) or self._kill_leader()) and self._loop.time() < deadline:
            await asyncio.sleep(0.02)
        with suppress(TimeoutError):
            await asyncio.wait_for(self.ended.wait(), _KILL_SECONDS)
        if not self.ended.is_set():
            self._loop.remove_reader(self._process.sentinel)

    def _kill_leader(self) -> bool:
        """Kill the first process by itself: it makes the process group, a moment after its start.

        Returns:
            Whether it was still there.
        """
        if self.ended.is_set() or start_time(self.pid) != self._started:
            return False
        with suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGKILL)
        return True


class Forkserver:
    """The preloaded process that runs are forked from; ``warm_up`` starts it."""

    def __init__(self, modules: Sequence[str]):
        """Set up what the forkserver starts with.

        Args:
            modules: that it preloads.
        """
        os.environ[PRELOAD_VARIABLE] = ",".join(modules)
        # Prefect hands its settings to every run in these very words, and what a run finds unchanged it need not read.
        os.environ.update(get_current_settings().to_environment_variables(exclude_unset=True))
        self._context = multiprocessing.get_context("forkserver")
        self._context.set_forkserver_preload(["workpools.processes.preload"])

    async def warm_up(self) -> None:
        """Start the forkserver and wait until it has loaded everything."""
        process = self._context.Process(target=run_process.ready)
        await anyio.to_thread.run_sync(process.start)
        await anyio.to_thread.run_sync(process.join)

    async def start(self, run_id: str, environment: dict[str, str]) -> RunProcess:
        """Start the process of one run.

        Args:
            run_id: of the flow run.
            environment: added to the worker's own.

        Returns:
            The process, which leads a process group of its own.

        Raises:
            OSError: the node has no process left to give, or the forkserver died.
        """
        process = self._context.Process(target=run_process.run_flow, args=(run_id, environment))
        try:
            await anyio.to_thread.run_sync(process.start)
        except EOFError as error:
            raise OSError("the server that runs are forked from ended") from error
        return RunProcess(process)


async def preloadable_modules(client: PrefectClient, pool: str) -> list[str]:
    """The modules of a pool's deployments that can be preloaded: those that need no code pulled."""
    chosen = WorkPoolFilter(name=WorkPoolFilterName(any_=[pool]))
    read = partial(client.read_deployments, work_pool_filter=chosen)
    entrypoints = [found.entrypoint for found in await all_pages(read) if found.entrypoint and not found.pull_steps]
    return sorted({entry.rpartition(".")[0] for entry in entrypoints if ":" not in entry})


def _kill_all(pid: int) -> bool:
    """Kill a process group, and return whether anything in it was still alive."""
    try:
        os.killpg(pid, signal.SIGKILL)
    except ProcessLookupError:
        return False
    return any(True for _ in _living(pid))


def _living(pgid: int) -> list[int]:
    """Members of a process group that are not dead yet; the dead stay listed until somebody waits for them."""
    found = []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        with suppress(OSError, IndexError):
            fields = _stat(int(entry.name))
            if int(fields[2]) == pgid and fields[0] not in "ZX":
                found.append(int(entry.name))
    return found


def _stat(pid: int) -> list[str]:
    """The fields of /proc/PID/stat from the state on; the name before them may hold anything."""
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()


def start_time(pid: int) -> str:
    """When a process began, in the kernel's own count, which sets it apart from a later one of the same number."""
    try:
        return _stat(pid)[19]
    except OSError:
        return "gone"


def end_by_identifier(identifier: str) -> bool:
    """Kill the process group that an ``infrastructure_pid`` names.

    Args:
        identifier: ``host:pid:start time``, see ``RunProcess.identifier``.

    Returns:
        Whether it was alive on this node.

    Raises:
        ValueError: the identifier is of another node, or not one of ours.
    """
    host, pid, started = identifier.rsplit(":", 2)
    if host != socket.gethostname():
        raise ValueError(f"{identifier} runs on {host}, not here.")
    if start_time(int(pid)) != started:
        return False
    return _kill_all(int(pid)) or True
