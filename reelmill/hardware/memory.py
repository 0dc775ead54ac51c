"""How much memory a node has, and how much of it this process may have; in MB of 2**20 bytes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Final

MEMINFO: Final = Path("/proc/meminfo")

_CGROUPS: Final = Path("/proc/self/cgroup")
_MOUNTED: Final = Path("/sys/fs/cgroup")
_ROOT: Final = PurePosixPath("/")


def meminfo(text: str) -> dict[str, int]:
    """The rows of ``/proc/meminfo`` that are amounts, in MB (pure). Source: proc_meminfo(5)."""
    rows = (line.split() for line in text.splitlines())
    return {row[0].rstrip(":"): int(row[1]) // 1024 for row in rows if len(row) == 3 and row[2] == "kB"}


def usable_memory() -> int:
    """The node's memory, or what a container or a service leaves this process of it, in MB."""
    total = meminfo(MEMINFO.read_text())["MemTotal"]
    try:
        limit = cgroup_limit(_CGROUPS.read_text(), _MOUNTED)
    except OSError:  # a kernel without cgroups
        limit = None
    return total if limit is None else min(total, limit)


def cgroup_limit(cgroups: str, mounted: Path) -> int | None:
    """The least memory that the cgroups of a process leave it. Source: cgroups(7), version 1 and 2.

    Args:
        cgroups: what ``/proc/PID/cgroup`` has.
        mounted: where they are mounted. In a container its own one is at the top there, by whatever path
            ``cgroups`` names it.

    Returns:
        In MB; None where there is no limit.
    """
    found = []
    for path in _limits(cgroups, mounted):
        try:
            found.append(int(path.read_text()) // 2**20)
        except (OSError, ValueError):  # of another version, outside of the container, or "max": no limit
            continue
    return min(found, default=None)


def _limits(cgroups: str, mounted: Path) -> Iterator[Path]:
    """Files that may name a limit: of each cgroup and of those that it is in."""
    for line in cgroups.splitlines():
        _, controllers, name = line.split(":", 2)
        if "memory" in controllers.split(","):
            top, file = mounted / "memory", "memory.limit_in_bytes"
        elif not controllers:
            top, file = mounted, "memory.max"
        else:
            continue
        cgroup = PurePosixPath(name)
        for each in (cgroup, *cgroup.parents):
            yield top / each.relative_to(_ROOT) / file
