"""A frame as a small image of its luma: what cuts and fades are found on.

Taken straight from the decoded luma: of each row of cells a few lines are read and averaged, which costs a tenth of a
scaler that reads every pixel, and leaves as little of grain and of small moves.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from typing import Final

import numpy as np
from av.video.frame import VideoFrame
from numpy.typing import NDArray

SIZE: Final = (48, 27)  # width and height: grain and small moves vanish, what a scene looks like stays
PIXELS: Final = SIZE[0] * SIZE[1]
_LINES: Final = 4  # read of each row of cells

Luma = NDArray[np.float32]

#: Formats whose first plane is luma, and its bits; other frames go through the scaler.
_PLANAR: Final = {
    **dict.fromkeys(("yuv420p", "yuv422p", "yuv444p", "yuvj420p", "yuvj422p", "yuvj444p", "nv12"), 8),
    **dict.fromkeys(("yuv420p10le", "yuv422p10le", "yuv444p10le"), 10),
    **dict.fromkeys(("yuv420p12le", "yuv422p12le", "yuv444p12le"), 12),
}
_FULL_RANGE: Final = 2  # AVColorRange JPEG
_BLACK, _LUMA_RANGE = 16, 219  # of luma in limited range, 8 bit (ITU-T H.273, 8.3)


@dataclass(frozen=True)
class LumaThumbnails:
    """Frames in the order they are shown."""

    times: tuple[Fraction, ...]  # when each begins, seconds from the start of the file
    luma: Luma  # shape (frames, PIXELS), 0 to 255

    def __len__(self) -> int:
        return len(self.times)


def luma_thumbnail(frame: VideoFrame) -> Luma:
    """The luma of a frame, shape (PIXELS,), 0 to 255."""
    name, width, height = frame.format.name, frame.width, frame.height
    bits = _PLANAR.get(name)
    if bits is None or width < SIZE[0] or height < _LINES * SIZE[1]:
        small = frame.to_ndarray(width=SIZE[0], height=SIZE[1], format="gray", interpolation="AREA")
        return small.reshape(PIXELS).astype(np.float32)
    buffer = frame.planes[0]
    pixel = np.dtype(np.uint8 if bits == 8 else "<u2")
    whole = np.frombuffer(memoryview(buffer), pixel).reshape(-1, buffer.line_size // pixel.itemsize)
    lines = whole[_lines(height), :width].reshape(SIZE[1], _LINES, width).sum(axis=1, dtype=np.uint16)
    begins, weights = _columns(width)
    sums = np.add.reduceat(lines, begins, axis=1, dtype=np.uint32)
    luma = (sums * (weights / np.float32(1 << (bits - 8)))).reshape(PIXELS)
    if int(frame.color_range or 0) != _FULL_RANGE and not name.startswith("yuvj"):
        luma = np.clip((luma - _BLACK) * np.float32(255 / _LUMA_RANGE), 0, 255)
    return np.asarray(luma, np.float32)


@lru_cache(maxsize=16)
def _lines(height: int) -> NDArray[np.intp]:
    """The lines read, those of each row of cells spread evenly over it."""
    bounds = np.arange(SIZE[1] + 1) * height // SIZE[1]
    offsets = (2 * np.arange(_LINES) + 1) * np.diff(bounds)[:, None] // (2 * _LINES)
    return np.asarray(bounds[:-1, None] + offsets, np.intp).ravel()


@lru_cache(maxsize=16)
def _columns(width: int) -> tuple[NDArray[np.intp], Luma]:
    """Where each column of cells begins, and one over the pixels summed up in each of its cells."""
    bounds = np.arange(SIZE[0] + 1, dtype=np.intp) * width // SIZE[0]
    return bounds[:-1], (1 / (_LINES * np.diff(bounds))).astype(np.float32)
