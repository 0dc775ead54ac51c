"""Cores of this machine, lent to one encode each, so that all jobs together keep them busy and no more than that.

A slot is a locked file: the kernel takes it back from whoever dies.
"""

from __future__ import annotations

import fcntl
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Final

from reelmill.fan_out import cores

_ASK_AGAIN: Final = 0.1  # seconds


@contextmanager
def slot(folder: Path) -> Iterator[None]:
    """Hold one of as many slots as there are cores; wait while none is free.

    Args:
        folder: that all processes of this machine share.
    """
    folder.mkdir(parents=True, exist_ok=True)
    held: IO[bytes] | None = None
    while held is None:
        held = next((file for number in range(cores()) if (file := _locked(folder / str(number)))), None)
        if held is None:
            time.sleep(_ASK_AGAIN)
    try:
        yield
    finally:
        held.close()


def _locked(path: Path) -> IO[bytes] | None:
    file = path.open("ab")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        file.close()
        return None
    return file
