"""The servers a site is made of, as child processes that end with it."""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import psutil

from reelmill.errors import SiteError
from reelmill.troubles import SiteTrouble

_PR_SET_PDEATHSIG: Final = 1
#: More deaths than this within that many seconds are no accident.
DEATHS: Final = 5
_DEATHS_SECONDS: Final = 120.0
_libc = ctypes.CDLL(None)


def _end_with_parent() -> None:
    _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)


@dataclass(frozen=True)
class Program:
    """A Python module to run, and the file of its log."""

    name: str  # in messages
    arguments: Sequence[str]  # the module and what it is called with
    env: Mapping[str, str]
    log: Path

    def start(self) -> subprocess.Popen[bytes]:
        """Start it in a process group of its own.

        So Ctrl-C reaches only us, and the processes of the site end in their order.

        Returns:
            Its process.
        """
        with self.log.open("ab") as log:
            return subprocess.Popen(
                [sys.executable, "-m", *self.arguments],
                env=dict(self.env),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                preexec_fn=_end_with_parent,
                cwd="/",
            )


class Child:
    """A long-running program that ``start`` has started, which can be revived after its death."""

    def __init__(self, program: Program, process: subprocess.Popen[bytes]):
        self._program, self._process = program, process
        self._deaths: list[float] = []

    @classmethod
    def start(cls, name: str, arguments: Sequence[str], env: Mapping[str, str], log_dir: Path) -> Child:
        """Start a program.

        Args:
            name: in messages, and of the log file.
            arguments: the module and what it is called with.
            env: its environment.
            log_dir: folder of its log.

        Returns:
            The child, running.
        """
        program = Program(name, arguments, env, log_dir / f"{name}.log")
        return cls(program, program.start())

    @property
    def name(self) -> str:
        """In messages."""
        return self._program.name

    @property
    def log(self) -> Path:
        """The file of its log."""
        return self._program.log

    @property
    def pid(self) -> int:
        """Its process id, which is also that of its process group."""
        return self._process.pid

    @property
    def ended(self) -> bool:
        """Whether it has ended."""
        return self._process.poll() is not None

    def listens(self, port: int) -> bool:
        """Whether it is this very process that takes connections on a port."""
        try:
            taken = psutil.Process(self.pid).net_connections(kind="tcp")
        except psutil.NoSuchProcess:
            return False
        return any(one.status == psutil.CONN_LISTEN and one.laddr.port == port for one in taken)

    def check(self) -> None:
        """Check that it has not ended by itself.

        Raises:
            SiteError: it has; with the end of its log.
        """
        code = self._process.poll()
        if code is not None:
            lines = self.log.read_text(errors="replace").strip().splitlines()
            last = lines[-1] if lines else "it wrote nothing"
            reason = f"{self.name} ended with code {code}: {last} (all of it: {self.log})"
            raise SiteError(reason, SiteTrouble.ENDED, self.name)

    def revive(self) -> int | None:
        """Start it again if it has ended by itself.

        Returns:
            The code it ended with; None where it runs.

        Raises:
            SiteError: it ends again and again.
            OSError: it cannot be started just now.
        """
        code = self._process.poll()
        if code is None:
            return None
        now = time.monotonic()
        self._deaths = [at for at in self._deaths if now - at < _DEATHS_SECONDS] + [now]
        if len(self._deaths) > DEATHS:
            self.check()
        self._kill_all(0.2)  # what it left behind holds its port, or its name
        try:
            self._process = self._program.start()
        except OSError:
            self._deaths.pop()  # it did not die again: it never ran
            raise
        return code

    def request_end(self) -> None:
        """Send SIGTERM to the process; it ends its own children."""
        if self._process.poll() is None:
            with suppress(ProcessLookupError):
                os.kill(self.pid, signal.SIGTERM)

    def wait(self, seconds: float) -> None:
        """Wait for its end, at most so long."""
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(seconds)

    def end(self, seconds: float) -> None:
        """Wait for the end; whatever of the process group is left after ``seconds`` is killed."""
        self.wait(seconds)
        self._kill_all(2.0)
        self._process.wait()

    def _kill_all(self, seconds: float) -> None:
        deadline = time.monotonic() + seconds
        with suppress(ProcessLookupError):
            while time.monotonic() < deadline:
                os.killpg(self.pid, signal.SIGKILL)
                time.sleep(0.05)
