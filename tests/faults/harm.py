"""What happens to a job at a boundary: ``FAULTS`` by name, each done for real where this machine lets us."""

from __future__ import annotations

import errno
import os
import signal
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any, Final

import psycopg

from reelmill.settings import get_settings
from tests.faults.disks import Disks
from tests.faults.steps import WRITING

_LIFE: Final = "a life"
_SOCKET: Final = ".s.PGSQL.5432"


class Stopped(BaseException):
    """What Prefect's engine and our own worker raise in a run that is told to end."""


class Database:
    """The server as a life sees it: there, or gone with every connection."""

    def __init__(self) -> None:
        url = get_settings().database_url
        assert url is not None
        self._url = url
        self._socket = Path(url.partition("?host=")[2]) / _SOCKET
        self._killer: psycopg.Connection[Any] | None = None

    def begin_life(self) -> None:
        """In the life's own process, before it connects."""
        self._killer = psycopg.connect(self._url, autocommit=True, application_name="the end of it")
        os.environ["PGAPPNAME"] = _LIFE

    def go(self) -> None:
        """Break every connection of this life, and take no new ones."""
        assert self._killer is not None
        self._socket.rename(self._away)
        self._killer.execute(
            "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE application_name = %s", (_LIFE,)
        )

    def come_back(self) -> None:
        """Take connections again."""
        if self._away.exists():
            self._away.rename(self._socket)

    @property
    def _away(self) -> Path:
        return self._socket.with_name("away")


@dataclass(frozen=True)
class Setting:
    """Where a life takes place."""

    disks: Disks
    database: Database

    def mend(self) -> None:
        """All is as before."""
        self.disks.heal()
        self.database.come_back()


def kill(_: Setting, __: str) -> None:
    """kill -9."""
    os.kill(os.getpid(), signal.SIGKILL)


def terminate(_: Setting, __: str) -> None:
    """SIGTERM, which a run turns into an exception, so that its finally blocks run."""
    os.kill(os.getpid(), signal.SIGTERM)


def no_space(setting: Setting, kind: str) -> None:
    """Not a byte is left from here on; what needs none itself fails all the same."""
    setting.disks.fill()
    if kind in WRITING:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def read_error(setting: Setting, _: str) -> None:
    """No original can be read from here on."""
    setting.disks.sicken()


def database_gone(setting: Setting, _: str) -> None:
    """No connection, old or new."""
    setting.database.go()


Fault = Callable[[Setting, str], None]

FAULTS: Final[dict[str, Fault]] = {
    "kill -9": kill,
    "SIGTERM": terminate,
    "no space": no_space,
    "read error": read_error,
    "no database": database_gone,
}
#: Those that take a disk of our own to do.
NEEDS_DISK: Final = ("read error",)


def stop(_: int, __: FrameType | None) -> None:
    """The handler of SIGTERM in a life."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)  # once is enough
    raise Stopped
