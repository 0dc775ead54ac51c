"""Which workers of this machine are alive: each holds a file's lock, which the kernel lets go of whatever ends it."""

from __future__ import annotations

import fcntl
import os
import time
from pathlib import Path
from typing import Final

from reelmill.errors import SiteError

_BETWEEN: Final = 0.05  # seconds
_MOST: Final = 100  # workers of one pool on one machine


class Presence:
    """The name a worker goes by, and its proof that it lives."""

    def __init__(self, folder: Path, name: str, *, tries: int = 5):
        """Take the name; more tries, since somebody may only be looking whether one of this name lives.

        Raises:
            SiteError: a living worker of this machine goes by it.
        """
        folder.mkdir(parents=True, exist_ok=True)
        self.name = name
        self._lock = _take(_file(folder, name))
        while self._lock is None and tries > 1:
            time.sleep(_BETWEEN)
            self._lock, tries = _take(_file(folder, name)), tries - 1
        if self._lock is None:
            raise SiteError(f"A worker named {name} is already up on this machine; give this one another --name.")

    @classmethod
    def first_free(cls, folder: Path, name: str) -> Presence:
        """Take ``name``, or with a number after it the first that nobody goes by."""
        for number in range(1, _MOST + 1):
            try:
                return cls(folder, name if number == 1 else f"{name}-{number}", tries=1)
            except SiteError:
                continue
        raise SiteError(f"{_MOST} workers named {name} are up on this machine; stop some.")

    def end(self) -> None:
        """Give the name up."""
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None


def alive(folder: Path, name: str) -> bool:
    """Whether a worker of this name lives on this machine."""
    lock = _take(_file(folder, name))
    if lock is None:
        return True
    os.close(lock)
    return False


def _file(folder: Path, name: str) -> Path:
    return folder / f"{name.replace('/', '_')}.lock"  # Prefect itself refuses such a name, in its own words


def _take(path: Path) -> int | None:
    handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(handle)
        return None
    return handle
