"""What is mounted where, as the kernel has it: a disk that went away leaves an empty folder, as one emptied does."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Final

_TABLE: Final = Path("/proc/self/mountinfo")
#: Blanks and backslashes stand there as three octal digits (proc_pid_mountinfo(5)).
_ESCAPED: Final = re.compile(rb"\\([0-7]{3})")
#: What waits for somebody to look before it mounts a disk or a share: it is there while that is not.
_AUTOMOUNTER: Final = b"autofs"


def mounts_below(folder: Path) -> frozenset[Path]:
    """Where file systems are mounted, at a folder or below it.

    Args:
        folder: where to look.

    Returns:
        The mount points, with links followed; none where the system has no such table.
    """
    try:
        table = _TABLE.read_bytes()
    except OSError:
        return frozenset()
    place = Path(os.path.realpath(folder))
    return frozenset(point for point in mount_points(table) if point.is_relative_to(place))


def mount_points(table: bytes) -> frozenset[Path]:
    """Where file systems are mounted (pure); that an automounter waits at a place is no file system there.

    Args:
        table: as proc_pid_mountinfo(5) has it.

    Returns:
        The mount points.
    """
    points = set()
    for line in table.splitlines():
        mount, _, source = line.partition(b" - ")
        if source.split(b" ")[0] != _AUTOMOUNTER:
            points.add(Path(os.fsdecode(_ESCAPED.sub(_plain, mount.split(b" ")[4]))))
    return frozenset(points)


def _plain(found: re.Match[bytes]) -> bytes:
    return bytes([int(found[1], 8)])
