"""Room on a disk: asked for before work begins, and looked at while it goes on."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from reelmill.errors import DiskFull
from reelmill.settings import get_settings

_UNITS: Final = ((1_000_000_000, "GB"), (1_000_000, "MB"), (1000, "kB"))


def in_bytes(count: int) -> str:
    """A number of bytes for people: ``1.2 GB``, ``300 MB``, ``12 kB`` (pure)."""
    for unit, name in _UNITS:
        if abs(count) >= unit:
            amount = count / unit
            return f"{amount:.1f} {name}" if abs(amount) < 10 else f"{amount:.0f} {name}"
    return f"{count} bytes"


@dataclass(frozen=True)
class Disk:
    """The file system that work is written to, and how much of it no work may fill."""

    folder: Path  # anywhere on it
    reserve: int  # bytes

    def free(self) -> int | None:
        """Bytes that may still be written there; None where the folder is not on this machine."""
        try:
            found = os.statvfs(self.folder)
        except FileNotFoundError:
            return None
        return found.f_bavail * found.f_frsize

    def require(self, need: int) -> None:
        """Ask for room before work begins; nothing is set aside, so ``keep`` has to look while it goes on.

        Args:
            need: bytes the work is going to write, about.

        Raises:
            DiskFull: it would not fit, with the numbers.
        """
        free = self.free()
        if free is not None and free - self.reserve < need:
            raise DiskFull(
                f"The disk of {self.folder} is too full: this needs about {in_bytes(need)}, {in_bytes(free)} are free "
                f"and {in_bytes(self.reserve)} are to stay free; free {in_bytes(need + self.reserve - free)} more."
            )

    def keep(self) -> None:
        """Look while work goes on, every few seconds.

        Each of two jobs may have found room for itself where there is none for both. The one that looks first gives up
        and clears away what it wrote, which is the room the other needs; what gave up is tried again later.

        Raises:
            DiskFull: less is free than is to stay free, with the numbers.
        """
        free = self.free()
        if free is not None and free < self.reserve:
            raise DiskFull(
                f"The disk of {self.folder} is nearly full: {in_bytes(free)} are free and {in_bytes(self.reserve)} are "
                "to stay free, so the work was stopped; free some space and run the job again."
            )


def disk_of(folder: Path) -> Disk:
    """The disk of a folder, with as much kept free as the settings of this machine say."""
    return Disk(folder, get_settings().disk_reserve_mb * 1_000_000)
