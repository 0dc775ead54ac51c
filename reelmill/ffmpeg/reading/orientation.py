"""How a stored frame is turned and mirrored to be shown, as ffmpeg does it by itself, and whether it is two fields."""

from __future__ import annotations

import struct
from typing import Any, Final

import numpy as np
from av.sidedata.sidedata import Type
from av.video.frame import VideoFrame
from av.video.stream import VideoStream
from numpy.typing import NDArray

_INTERLACED: Final = (2, 3, 4, 5)  # AVFieldOrder TT, BB, TB, BT
_UNKNOWN_ORDER: Final = 0


def rotation(frame: VideoFrame) -> int:
    """Degrees clockwise: 0, 90, 180 or 270."""
    return round(-frame.rotation / 90) * 90 % 360


def mirrored(frame: VideoFrame) -> bool:
    """Whether its display matrix turns left into right, as front cameras write it: its determinant is negative."""
    data: Any = frame.side_data  # PyAV's stubs do not name its keys
    matrix = data.get(Type.DISPLAYMATRIX)
    if matrix is None:
        return False
    a, b, _, c, d = struct.unpack_from("=5i", bytes(matrix))
    return bool(a * d - b * c < 0)


def interlaced(stream: VideoStream, first: VideoFrame | None) -> bool:
    """By the container, or by the first frame where it leaves that open, as an AVI does that holds DV."""
    order = int(stream.codec_context.field_order or 0)
    return order in _INTERLACED or (order == _UNKNOWN_ORDER and first is not None and first.interlaced_frame)


def upright(pixels: NDArray[Any], rotation: int, *, mirrored: bool) -> NDArray[Any]:
    """Pixels as they are shown (pure).

    Args:
        pixels: as stored, shape (height, width, ...).
        rotation: degrees clockwise.
        mirrored: whether they are mirrored, too: top to bottom once they are turned, left to right on their side.

    Returns:
        A view of them, shape (height, width, ...) as shown.
    """
    turned = np.rot90(pixels, -rotation // 90)
    return np.flip(turned, 1 if rotation in (90, 270) else 0) if mirrored else turned
