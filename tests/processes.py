"""Which processes belong to a test, and which to the session."""

from __future__ import annotations

import contextlib
from typing import Final

import psutil

#: Processes whose children belong to the whole session (the site), not to the test that runs.
SESSION_PROCESSES: Final[set[int]] = set()


def children() -> set[psutil.Process]:
    """Living descendants of ours that are not the session's."""
    found = set()
    for child in psutil.Process().children(recursive=True):
        with contextlib.suppress(psutil.NoSuchProcess):
            family = {child.pid, *(parent.pid for parent in child.parents())}
            if child.status() != psutil.STATUS_ZOMBIE and not family & SESSION_PROCESSES:
                found.add(child)
    return found
