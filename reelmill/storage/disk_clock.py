"""The clock that files are dated by: a share's server has its own, which may be minutes off this node's."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryFile


def disk_clock(folder: Path) -> Callable[[], float]:
    """The clock of the disk that a folder is on, read once off a file that is gone again at once.

    Args:
        folder: anywhere on it.

    Returns:
        A clock: the time in seconds since 1970; this node's where the folder is not there or takes no files.
    """
    try:
        with TemporaryFile(dir=folder) as file:
            ahead = os.fstat(file.fileno()).st_mtime - time.time()
    except OSError:
        return time.time
    return lambda: time.time() + ahead
