"""Room on a disk: required before work begins, and checked while it goes on."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from reelmill.errors import DiskFull
from reelmill.settings import get_settings
from reelmill.wording import in_bytes


@dataclass(frozen=True)
class Disk:
    """The file system that work is written to, and how much of it no work may fill."""

    folder: Path  # anywhere on it
    reserve: int  # bytes

    def free(self) -> int | None:
        """Bytes that may still be written there; None where the folder is not on this node."""
        try:
            found = os.statvfs(self.folder)
        except FileNotFoundError:
            return None
        return found.f_bavail * found.f_frsize

    def require(self, need: int) -> None:
        """Ask for room before work begins; nothing is set aside, so ``require_reserve`` has to check while it goes on.

        Args:
            need: bytes the work is going to write, about.

        Raises:
            DiskFull: it would not fit, with the numbers.
        """
        free = self.free()
        if free is not None and free - self.reserve < need:
            raise DiskFull(
                f"The disk of {self.folder} is too full: this needs about {in_bytes(need)}, {in_bytes(free)} are free "
                f"and {in_bytes(self.reserve)} are to stay free; free {in_bytes(need + self.reserve - free)} more.",
                self.folder,
                need,
                free,
            )

    def require_reserve(self) -> None:
        """Check while work goes on, every few seconds, that the disk is not about to be full.

        Each of two jobs may have found room for itself where there is none for both. The one that checks first gives up
        and clears away what it wrote, which is the room the other needs; what gave up is tried again later.

        Raises:
            DiskFull: less is free than is to stay free, with the numbers.
        """
        free = self.free()
        if free is not None and free < self.reserve:
            raise DiskFull(
                f"The disk of {self.folder} is nearly full: {in_bytes(free)} are free and {in_bytes(self.reserve)} are "
                "to stay free, so the work was stopped; free some space and run the job again.",
                self.folder,
                0,
                free,
            )


def disk_of(folder: Path) -> Disk:
    """The disk of a folder, with as much kept free as the settings of this node have it."""
    return Disk(folder, get_settings().disk_reserve_mb * 1_000_000)
