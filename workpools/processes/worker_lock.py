"""Liveness of this node's workers by file lock: each holds one under its name until its end, however that comes."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Final

from reelmill.errors import SiteError
from reelmill.storage.file_lock import FileLock
from reelmill.troubles import SiteTrouble

_PAUSE_SECONDS: Final = 0.05  # between two tries
_TRIES: Final = 5  # since somebody may hold the lock for the moment in which ``alive`` tries it
_MOST: Final = 100  # workers of one pool on one node


class WorkerLock:
    """The name a worker goes by, and the proof that it lives: made by ``acquire`` or ``acquire_first_free``."""

    def __init__(self, name: str, lock: FileLock):
        self.name = name
        self._lock = lock

    @classmethod
    def acquire(cls, folder: Path, name: str) -> WorkerLock:
        """Take a name.

        Args:
            folder: that all workers of this node share; created if it is missing.
            name: of the worker.

        Returns:
            Its lock, held.

        Raises:
            SiteError: a living worker of this node goes by the name.
        """
        for tried in range(_TRIES):
            time.sleep(_PAUSE_SECONDS if tried else 0)
            if (lock := _try_acquire(folder, name)) is not None:
                return cls(name, lock)
        raise SiteError(
            f"A worker named {name} is already up on this node; give this one another --name.",
            SiteTrouble.NAME_TAKEN,
            name,
        )

    @classmethod
    def acquire_first_free(cls, folder: Path, name: str) -> WorkerLock:
        """Take ``name``, or with a number after it the first that nobody goes by.

        Args:
            folder: that all workers of this node share; created if it is missing.
            name: what the name begins with.

        Returns:
            Its lock, held.

        Raises:
            SiteError: too many workers go by such a name.
        """
        for number in range(1, _MOST + 1):
            numbered = name if number == 1 else f"{name}-{number}"
            if (lock := _try_acquire(folder, numbered)) is not None:
                return cls(numbered, lock)
        raise SiteError(f"{_MOST} workers named {name} are up on this node; stop some.", SiteTrouble.NAME_TAKEN, name)

    def release(self) -> None:
        """Give the name up; a second call does nothing."""
        self._lock.release()


def alive(folder: Path, name: str) -> bool:
    """Whether a worker of this name lives on this node."""
    lock = FileLock.try_acquire(_file(folder, name))
    if lock is not None:
        lock.release()
    return lock is None


def _try_acquire(folder: Path, name: str) -> FileLock | None:
    folder.mkdir(parents=True, exist_ok=True)
    return FileLock.try_acquire(_file(folder, name))


def _file(folder: Path, name: str) -> Path:
    return folder / f"{name.replace('/', '_')}.lock"  # Prefect itself refuses such a name, in its own words
