"""How much memory a process may have: the node's, or what the control groups it is in leave it."""

from __future__ import annotations

from pathlib import Path

import psutil
import pytest

from reelmill.hardware.memory import cgroup_limit, meminfo, usable_memory

_SERVICE = "system.slice/reelmill.service"
_OF_VERSION_2 = f"0::/{_SERVICE}\n"
_OF_VERSION_1 = "9:name=systemd:/\n4:cpu,memory:/docker/5b7b\n0::/\n"


def test_meminfo_in_mb() -> None:
    text = "MemTotal:       16384000 kB\nMemAvailable:    1048575 kB\nHugePages_Total:       0\n"
    assert meminfo(text) == {"MemTotal": 16000, "MemAvailable": 1023}


@pytest.mark.parametrize(
    ("groups", "limits", "limit"),
    [
        (_OF_VERSION_2, {f"{_SERVICE}/memory.max": "2147483648\n"}, 2048),
        (_OF_VERSION_2, {f"{_SERVICE}/memory.max": "max\n"}, None),
        (_OF_VERSION_2, {f"{_SERVICE}/memory.max": "max\n", "system.slice/memory.max": "1073741824\n"}, 1024),
        ("0::/\n", {"memory.max": "536870912\n"}, 512),  # a container's own group
        (_OF_VERSION_1, {"memory/docker/5b7b/memory.limit_in_bytes": "3221225472\n"}, 3072),
        (_OF_VERSION_1, {"memory/memory.limit_in_bytes": "536870912\n"}, 512),  # a container, named by the path outside
        ("0::/../../other\n", {}, None),
        ("", {}, None),
    ],
)  # fmt: skip
def test_the_narrowest_group_counts(tmp_path: Path, groups: str, limits: dict[str, str], limit: int | None) -> None:
    for name, text in limits.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    assert cgroup_limit(groups, tmp_path) == limit


def test_the_memory_of_this_process() -> None:
    assert 0 < usable_memory() <= psutil.virtual_memory().total // 2**20
