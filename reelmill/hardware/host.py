"""What a node is made of, and how busy it is now: plain facts, stored as JSON."""

from __future__ import annotations

import os
import platform
import shutil
from importlib import metadata
from pathlib import Path
from typing import Any, Final

import psutil

from reelmill.hardware.gpu import NVML, Devices
from reelmill.hardware.memory import MEMINFO, meminfo

#: The kernel's names for the temperature sensors of processors: Intel, AMD, and boards with an ARM.
_PROCESSORS: Final = ("coretemp", "k10temp", "zenpower", "cpu_thermal")


def hardware(devices: Devices = NVML) -> dict[str, Any]:
    """What stays as it is while the node runs; JSON as it stands, memory in MB of 2**20 bytes."""
    return {
        "cores": os.cpu_count() or 1,
        "memory_mb": meminfo(MEMINFO.read_text())["MemTotal"],
        "gpus": [{"name": gpu.name, "total_mb": gpu.total_mb, "uuid": gpu.uuid} for gpu in devices.gpus()],
        "versions": {
            "python": platform.python_version(),
            "reelmill": _version("reelmill"),
            "prefect": _version("prefect"),
            "nvidia_driver": devices.driver_version(),
        },
    }


def live_load(media_root: Path, devices: Devices = NVML) -> dict[str, Any]:
    """What changes from minute to minute; JSON as it stands, memory and disk in MB of 2**20 bytes.

    Args:
        media_root: whose disk is meant; its size is None while it is not there.
        devices: the GPUs.

    Returns:
        The facts by name; None for what cannot be read.
    """
    return {
        "load_per_core": round(os.getloadavg()[0] / (os.cpu_count() or 1), 2),  # of the last minute
        "memory_available_mb": meminfo(MEMINFO.read_text())["MemAvailable"],
        **_disk(media_root),
        "temperature": _temperature(),
        "gpus": [
            {
                "index": gpu.index,
                "uuid": gpu.uuid,
                "used_mb": gpu.used_mb,
                "gpu_percent": gpu.gpu_percent,
                "encoder_percent": gpu.encoder_percent,
                "temperature": gpu.temperature,
                "power": gpu.power,
            }
            for gpu in devices.gpus()
        ],
    }


def _disk(folder: Path) -> dict[str, int | None]:
    try:
        usage = shutil.disk_usage(folder)
    except OSError:  # not there, or a network share that is away
        return {"disk_free_mb": None, "disk_total_mb": None}
    return {"disk_free_mb": usage.free // 2**20, "disk_total_mb": usage.total // 2**20}


def _temperature() -> float | None:
    """The hottest of the processor's sensors, in °C; None where the kernel shows none, as in most virtual ones."""
    found = psutil.sensors_temperatures()
    return max((sensor.current for chip in _PROCESSORS for sensor in found.get(chip, [])), default=None)


def _version(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:  # run out of a checkout that was never installed
        return None
