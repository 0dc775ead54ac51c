"""Every picture of a stretch of video as a small plane of luma: what cuts and fades are found on."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from reelmill.analysis.frames import pictures

SIZE: Final = (48, 27)  # width and height: grain and small moves vanish, what a scene looks like stays
PIXELS: Final = SIZE[0] * SIZE[1]


@dataclass(frozen=True)
class Planes:
    """Pictures in the order they are shown."""

    times: tuple[Fraction, ...]  # when each begins, seconds from the start of the file
    luma: NDArray[np.float32]  # shape (pictures, PIXELS), 0 to 255

    def __len__(self) -> int:
        return len(self.times)


def planes(path: Path, first: Fraction, end: Fraction) -> Planes:
    """All pictures that begin from ``first`` seconds up to, not including, ``end``.

    Raises:
        NotAVideo, FileMissing, InputError: the file does not open.
    """
    times: list[Fraction] = []
    luma: list[NDArray[np.uint8]] = []
    for time, frame in pictures(path, max(0, int(first)), every=True):
        if time >= end:
            break
        if time >= first and (not times or time > times[-1]):
            times.append(time)
            plane = frame.to_ndarray(width=SIZE[0], height=SIZE[1], format="gray")
            luma.append(np.asarray(plane, np.uint8).reshape(PIXELS))
    stacked = np.stack(luma) if luma else np.zeros((0, PIXELS), np.uint8)
    return Planes(tuple(times), stacked.astype(np.float32))
