"""A node with all that one can have: GPUs, sensors, energy counters."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Final

import psutil
import pytest

from reelmill.hardware.gpu import FakeDevices, Gpu
from reelmill.metrics.node_collector import NodeSource

GPUS: Final = FakeDevices(
    (
        Gpu(
            index=1, uuid="GPU-1", name="L4", total_mb=23_034, free_mb=20_000, gpu_percent=37, encoder_percent=81,
            energy_mj=5_000_000, temperature=61, power=43.2,
        ),
    )
)  # fmt: skip


def rich_node(folder: Path, monkeypatch: pytest.MonkeyPatch) -> NodeSource:
    """The node, in a folder of its own."""
    zone = folder / "powercap" / "intel-rapl:0"
    zone.mkdir(parents=True)
    for name, value in {"name": "package-0", "energy_uj": "7000000", "max_energy_range_uj": "262143328850"}.items():
        (zone / name).write_text(f"{value}\n")
    monkeypatch.setattr(psutil, "sensors_temperatures", lambda: {"coretemp": [SimpleNamespace(current=55.0)]})
    return NodeSource("node-a", folder, lambda: 2, devices=GPUS, powercap=folder / "powercap")
