"""Processes for runs: forked from one preloaded server, each a process group of its own, ended whole."""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import signal
import socket
from collections.abc import Sequence
from contextlib import suppress
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from typing import Final

import anyio.to_thread
from prefect.settings import get_current_settings

from workpools import child

#: Modules to load ahead, joined by commas: the server of forks reads it as it starts.
VARIABLE: Final = "REELMILL_PRELOAD"

_KILL_SECONDS: Final = 2.0  # for the kernel to be done with a killed group


class Family:
    """One run's process and everything it started."""

    def __init__(self, process: ForkServerProcess):
        self._process = process
        self.ended = asyncio.Event()
        assert process.pid is not None
        self.pid: int = process.pid
        self.identifier = f"{socket.gethostname()}:{self.pid}:{start_time(self.pid)}"
        self._loop = asyncio.get_running_loop()
        self._loop.add_reader(process.sentinel, self._on_end)

    def _on_end(self) -> None:
        self._loop.remove_reader(self._process.sentinel)
        self.ended.set()

    @property
    def exit_code(self) -> int | None:
        """Once ended: its code, or minus the signal that killed it; 255 where its server died before."""
        self._process.join(0)
        return self._process.exitcode

    def ask_to_end(self) -> None:
        """Let its finally blocks run and leave its state alone."""
        if not self.ended.is_set():
            with suppress(ProcessLookupError):
                os.kill(self.pid, child.STOP_SIGNAL)

    async def stop(self, grace: float) -> None:
        """Ask it to end, and end it after ``grace`` seconds; nothing of the group is left."""
        self.ask_to_end()
        with suppress(TimeoutError):
            await asyncio.wait_for(self.ended.wait(), grace)
        await self.kill()

    async def kill(self) -> None:
        """End whatever is left of the group, now."""
        deadline = self._loop.time() + _KILL_SECONDS
        while _kill_group(self.pid) and self._loop.time() < deadline:
            await asyncio.sleep(0.02)
        with suppress(TimeoutError):
            await asyncio.wait_for(self.ended.wait(), _KILL_SECONDS)
        if not self.ended.is_set():
            self._loop.remove_reader(self._process.sentinel)


class Nursery:
    """The server, and the families it has made."""

    def __init__(self, modules: Sequence[str]):
        """``modules`` are loaded ahead."""
        os.environ[VARIABLE] = ",".join(modules)
        # Prefect hands its settings to every run in these very words, and what a run finds unchanged it need not read.
        os.environ.update(get_current_settings().to_environment_variables(exclude_unset=True))
        self._context = multiprocessing.get_context("forkserver")
        self._context.set_forkserver_preload(["workpools.preload"])

    async def warm_up(self) -> None:
        """Start the server and wait until it has loaded everything."""
        process = self._context.Process(target=child.ready)
        await anyio.to_thread.run_sync(process.start)
        await anyio.to_thread.run_sync(process.join)

    async def start(self, run_id: str, environment: dict[str, str]) -> Family:
        """A process for one run.

        Raises:
            OSError: the machine has no process left to give, or the server of ours died.
        """
        process = self._context.Process(target=child.run_flow, args=(run_id, environment))
        try:
            await anyio.to_thread.run_sync(process.start)
        except EOFError as error:
            raise OSError("the server that runs are forked from ended") from error
        return Family(process)


def _kill_group(pid: int) -> bool:
    """Kill a group; answers whether anything in it was still alive."""
    try:
        os.killpg(pid, signal.SIGKILL)
    except ProcessLookupError:
        return False
    return any(True for _ in _living(pid))


def _living(group: int) -> list[int]:
    """Members of a process group that are not dead yet; the dead stay listed until somebody asks for their end."""
    found = []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        with suppress(OSError, IndexError):
            fields = _stat(int(entry.name))
            if int(fields[2]) == group and fields[0] not in "ZX":
                found.append(int(entry.name))
    return found


def _stat(pid: int) -> list[str]:
    """The fields of /proc/PID/stat from the state on; the name before them may hold anything."""
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()


def start_time(pid: int) -> str:
    """When a process began, in the kernel's own count, which tells it from a later one of the same number."""
    try:
        return _stat(pid)[19]
    except OSError:
        return "gone"


def end_by_identifier(identifier: str) -> bool:
    """End the group an ``infrastructure_pid`` names; answers whether it was alive on this machine.

    Raises:
        ValueError: the identifier is of another machine, or not one of ours.
    """
    host, pid, started = identifier.rsplit(":", 2)
    if host != socket.gethostname():
        raise ValueError(f"{identifier} runs on {host}, not here.")
    if start_time(int(pid)) != started:
        return False
    return _kill_group(int(pid)) or True
