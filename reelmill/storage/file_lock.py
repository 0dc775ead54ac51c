"""Locks on files (flock): held by one process or shared by several, and released by the kernel when a holder ends.

A lock belongs to the open file, so it holds among the threads of one process, too. The programs that a holder starts do
not inherit it.
"""

from __future__ import annotations

import fcntl
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import IO, Self

import anyio.to_thread


class FileLock:
    """A lock on a file that this process holds until ``release``; as a context it is released at the end of the block.

    Example:
        >>> lock = FileLock.try_acquire(folder / "site.lock")
        >>> if lock is None:
        ...     raise SiteError("Another process has it.")
    """

    def __init__(self, file: IO[bytes]):
        """Wrap an open file whose lock is held already: see ``acquire``, ``share`` and ``try_acquire``."""
        self._file = file

    @classmethod
    def acquire(cls, path: Path) -> Self:
        """Wait for the lock of a file, which is created if it is missing, and hold it alone."""
        return cls._locked(path, fcntl.LOCK_EX)

    @classmethod
    def share(cls, path: Path) -> Self:
        """Wait until nobody holds the lock alone, and hold it together with all who share it."""
        return cls._locked(path, fcntl.LOCK_SH)

    @classmethod
    def try_acquire(cls, path: Path) -> Self | None:
        """Hold the lock of a file alone; None where another holds it now."""
        try:
            return cls._locked(path, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return None

    @classmethod
    async def acquire_in_thread(cls, path: Path) -> Self:
        """Do the same as ``acquire`` from a coroutine: a thread waits, and a cancelled wait leaves nothing locked."""
        with ExitStack() as closed_on_failure:
            file = closed_on_failure.enter_context(path.open("ab"))
            await anyio.to_thread.run_sync(fcntl.flock, file, fcntl.LOCK_EX)
            closed_on_failure.pop_all()
        return cls(file)

    @classmethod
    def _locked(cls, path: Path, operation: int) -> Self:
        with ExitStack() as closed_on_failure:
            file = closed_on_failure.enter_context(path.open("ab"))
            fcntl.flock(file, operation)
            closed_on_failure.pop_all()
        return cls(file)

    def try_upgrade(self) -> bool:
        """Hold a shared lock alone from here on.

        Returns:
            Whether nobody else shared it. Where somebody does, it may not even be shared by us any more.
        """
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    def downgrade(self) -> None:
        """Share from here on a lock that was held alone."""
        fcntl.flock(self._file, fcntl.LOCK_SH)

    def release(self) -> None:
        """Give the lock up; a second call does nothing."""
        self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()
