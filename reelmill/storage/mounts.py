"""What is mounted where, as the kernel has it: a disk that went away leaves an empty folder, as one emptied does."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Final

_TABLE: Final = Path("/proc/self/mountinfo")
#: Blanks and backslashes stand there as three octal digits (proc_pid_mountinfo(5)).
_ESCAPED: Final = re.compile(rb"\\([0-7]{3})")


def mounts_below(folder: Path) -> frozenset[Path]:
    """Where file systems are mounted, at a folder or below it.

    Returns:
        The mount points, with links followed; none where the system has no such table.
    """
    try:
        lines = _TABLE.read_bytes().splitlines()
    except OSError:
        return frozenset()
    place = Path(os.path.realpath(folder))
    points = (Path(os.fsdecode(_ESCAPED.sub(_plain, line.split(b" ")[4]))) for line in lines)
    return frozenset(point for point in points if point.is_relative_to(place))


def _plain(found: re.Match[bytes]) -> bytes:
    return bytes([int(found[1], 8)])
