"""Which processes belong to a test, and which to the session."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import psutil

#: Processes whose children belong to the whole session (the site), not to the test that runs.
SESSION_PROCESSES: Final[set[int]] = set()


def children() -> set[psutil.Process]:
    """Living descendants of ours that are not the session's."""
    found = set()
    for pid in _descendants(os.getpid()):
        with contextlib.suppress(psutil.NoSuchProcess):
            child = psutil.Process(pid)
            if child.status() != psutil.STATUS_ZOMBIE:
                found.add(child)
    return found


def _descendants(pid: int) -> Iterator[int]:
    """As the kernel lists them: psutil looks at every process there is, which every test would pay for twice."""
    with contextlib.suppress(FileNotFoundError, ProcessLookupError):
        for thread in Path(f"/proc/{pid}/task").iterdir():
            for child in map(int, (thread / "children").read_text().split()):
                if child not in SESSION_PROCESSES:
                    yield child
                    yield from _descendants(child)


def bytes_read() -> int:
    """Bytes that this process has read so far, from files and all else."""
    lines = Path("/proc/self/io").read_text(encoding="ascii").splitlines()
    return int(dict(line.split(": ") for line in lines)["rchar"])
