"""How much of a stored frame its container shows; ffmpeg crops to that by itself, PyAV does not."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True)
class Cropping:
    """Pixels at each edge of a stored frame that are not shown."""

    left: int = 0
    top: int = 0
    right: int = 0
    bottom: int = 0

    def __bool__(self) -> bool:
        return any((self.left, self.top, self.right, self.bottom))

    def fits(self, width: int, height: int) -> bool:
        """Whether anything of a frame of that size is left."""
        return self.left + self.right < width and self.top + self.bottom < height

    def shown(self, width: int, height: int) -> tuple[int, int]:
        """The size of what is left of a frame of that size."""
        return width - self.left - self.right, height - self.top - self.bottom


UNCROPPED: Final = Cropping()
