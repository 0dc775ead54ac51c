"""How much energy a work took: the counters of the processor (RAPL) and of the GPUs (NVML), before and after.

The counters are the node's, not a process's: what else ran meanwhile is in them. What cannot be read is None.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from reelmill.hardware.gpu import NVML, Devices, Gpu

#: Where Linux shows RAPL. Source: kernel documentation, ``power/powercap/powercap.rst``.
POWERCAP: Final = Path("/sys/class/powercap")

#: Stands in place of the counters' names where none can be read.
NOT_MEASURABLE: Final = "not measurable here"

#: Seconds between two readings of a long work. RAPL counts in 32 bits of about 61 µJ: at 500 W it wraps in 9 minutes,
#: and a counter that wrapped twice between readings looks as if it wrapped once.
_READ_AGAIN: Final = 60.0


@dataclass(frozen=True)
class Energy:
    """What was used."""

    joules: float | None  # None where it cannot be measured
    source: str  # which counters, e.g. ``RAPL package-0``; ``NOT_MEASURABLE`` without any


@dataclass(frozen=True)
class Counter:
    """One energy counter at one moment."""

    name: str  # as people know it: ``RAPL package-0``
    microjoules: int
    wraps_at: int | None = None  # µJ after which it begins at 0 again; None: never

    def since(self, before: Counter) -> int | None:
        """Microjoules from ``before`` to now (pure); None where it went back without being one that wraps."""
        spent = self.microjoules - before.microjoules
        if spent >= 0:
            return spent
        return None if self.wraps_at is None else spent + self.wraps_at


def rapl(powercap: Path = POWERCAP) -> dict[str, Counter]:
    """The processor packages and the memory beside them, by folder; those that may not be read are left out.

    ``core`` and ``uncore`` belong to their package, ``psys`` is a sum that holds it, ``intel-rapl-mmio`` is the same
    again by another way: none is counted. Since CVE-2020-8694 only root may read the counters.

    Args:
        powercap: the folder of the zones.

    Returns:
        One counter for each zone, by its folder's name.
    """
    found: dict[str, Counter] = {}
    for zone in sorted(powercap.glob("intel-rapl:*")):
        try:
            name = (zone / "name").read_text().strip()
            if not name.startswith(("package", "dram")):
                continue
            used = int((zone / "energy_uj").read_text())
            found[zone.name] = Counter(f"RAPL {name}", used, int((zone / "max_energy_range_uj").read_text()))
        except (OSError, ValueError):  # not for us to read, or gone meanwhile
            continue
    return found


def gpu_counters(gpus: Sequence[Gpu], visible: str | None) -> dict[str, Counter]:
    """The energy counters of the GPUs a job may use (pure).

    Args:
        gpus: of the node.
        visible: ``CUDA_VISIBLE_DEVICES``; where it names no GPU by its uuid, all count.

    Returns:
        By the GPU's uuid; those that report none are left out.
    """
    named = [gpu for gpu in gpus if visible and gpu.uuid in visible.split(",")]
    return {
        gpu.uuid: Counter(f"NVML gpu{gpu.index}", gpu.energy_mj * 1000)
        for gpu in named or gpus
        if gpu.energy_mj is not None
    }


class EnergyMeter:
    """Runs from the moment it is made until ``stop``; ``tick`` it now and then in between.

    Args:
        gpu: whether the work is done on a GPU, whose energy then counts too.
        devices: the node's GPUs.
        powercap: the folder of the RAPL zones.
        clock: in seconds.
    """

    def __init__(
        self,
        *,
        gpu: bool = False,
        devices: Devices = NVML,
        powercap: Path = POWERCAP,
        clock: Callable[[], float] = time.monotonic,
    ):
        self._gpu, self._devices, self._powercap, self._clock = gpu, devices, powercap, clock
        self._last = self._read()
        self._spent: dict[str, int] = dict.fromkeys(self._last, 0)
        self._names = {key: counter.name for key, counter in self._last.items()}
        self._read_at = clock()

    def tick(self) -> None:
        """Read the counters where the last reading is a minute old, so that none wraps twice unseen."""
        if self._clock() - self._read_at >= _READ_AGAIN:
            self._add()

    def stop(self) -> Energy:
        """What was used since the meter was made."""
        self._add()
        if not self._spent:
            return Energy(None, NOT_MEASURABLE)
        names = sorted({self._names[key] for key in self._spent})
        return Energy(sum(self._spent.values()) / 1e6, ", ".join(names))

    def _add(self) -> None:
        now = self._read()
        for key in tuple(self._spent):
            spent = now[key].since(self._last[key]) if key in now else None
            if spent is None:
                del self._spent[key]  # a counter with a gap is no measure of the whole
            else:
                self._spent[key] += spent
        self._last, self._read_at = now, self._clock()

    def _read(self) -> Mapping[str, Counter]:
        on_gpus = gpu_counters(self._devices.gpus(), os.environ.get("CUDA_VISIBLE_DEVICES")) if self._gpu else {}
        return {**rapl(self._powercap), **on_gpus}
