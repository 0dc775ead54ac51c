"""Cores of this node, lent to one encode each, so that all jobs together keep them busy and no more than that.

A slot is a locked file: the kernel takes it back from whoever dies.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from reelmill import guard
from reelmill.parallel import cores
from reelmill.storage.file_lock import FileLock

_ASK_AGAIN: Final = 0.1  # seconds


@contextmanager
def slot(folder: Path) -> Iterator[None]:
    """Hold one of as many slots as there are cores; wait while none is free.

    Args:
        folder: that all processes of this node share.

    Raises:
        LockLost: the work it is for is not ours any more.
    """
    folder.mkdir(parents=True, exist_ok=True)
    while (lock := _free_slot(folder)) is None:
        guard.check()
        time.sleep(_ASK_AGAIN)
    with lock:
        yield


def _free_slot(folder: Path) -> FileLock | None:
    tried = (FileLock.try_acquire(folder / str(number)) for number in range(cores()))
    return next((lock for lock in tried if lock is not None), None)
