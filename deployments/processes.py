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
from pathlib import Path
from typing import Final

import psutil

from reelmill.errors import SiteError

_PR_SET_PDEATHSIG: Final = 1
#: More deaths than this within that many seconds are no accident.
DEATHS: Final = 5
_DEATHS_SECONDS: Final = 120.0
_libc = ctypes.CDLL(None)


def _end_with_parent() -> None:
    _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)


class Child:
    """One long-running Python module with its log in a file, in a process group of its own.

    A group of its own, so that Ctrl-C reaches only us and the parts of the site end in their order.
    """

    def __init__(self, name: str, arguments: Sequence[str], env: Mapping[str, str], log_dir: Path):
        self.name = name
        self.log = log_dir / f"{name}.log"
        self._arguments, self._env = arguments, env
        self._deaths: list[float] = []
        self._process = self._start()

    def _start(self) -> subprocess.Popen[bytes]:
        with self.log.open("ab") as log:
            return subprocess.Popen(
                [sys.executable, "-m", *self._arguments],
                env=dict(self._env),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                preexec_fn=_end_with_parent,
                cwd="/",
            )

    @property
    def pid(self) -> int:
        """Its process id, which is also its group's."""
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
        """Raises SiteError, with the end of its log, if it has ended by itself."""
        code = self._process.poll()
        if code is not None:
            lines = self.log.read_text(errors="replace").strip().splitlines()
            last = lines[-1] if lines else "it wrote nothing"
            raise SiteError(f"{self.name} ended with code {code}: {last} (all of it: {self.log})")

    def revive(self) -> int | None:
        """Start it again if it has ended by itself; answers with the code it ended with.

        Raises:
            SiteError: it ends again and again.
        """
        code = self._process.poll()
        if code is None:
            return None
        now = time.monotonic()
        self._deaths = [at for at in self._deaths if now - at < _DEATHS_SECONDS] + [now]
        if len(self._deaths) > DEATHS:
            self.check()
        self._kill_group(0.2)  # what it left behind holds its port, or its name
        self._process = self._start()
        return code

    def ask_to_end(self) -> None:
        """Send SIGTERM to the process; it ends its own children."""
        if self._process.poll() is None:
            with suppress(ProcessLookupError):
                os.kill(self.pid, signal.SIGTERM)

    def wait(self, seconds: float) -> None:
        """Wait for its end, at most so long."""
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(seconds)

    def end(self, seconds: float) -> None:
        """Wait for the end; whatever of the group is left after ``seconds`` is killed."""
        self.wait(seconds)
        self._kill_group(2.0)
        self._process.wait()

    def _kill_group(self, seconds: float) -> None:
        deadline = time.monotonic() + seconds
        with suppress(ProcessLookupError):
            while time.monotonic() < deadline:
                os.killpg(self.pid, signal.SIGKILL)
                time.sleep(0.05)
