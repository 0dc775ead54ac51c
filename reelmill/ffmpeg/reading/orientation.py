"""How a stored frame is turned, mirrored and stretched to be shown, and whether it is two fields."""

from __future__ import annotations

import math
import struct
from fractions import Fraction
from typing import Any, Final

import numpy as np
from av.sidedata.sidedata import Type
from av.video.frame import VideoFrame
from av.video.stream import VideoStream
from numpy.typing import NDArray

_INTERLACED: Final = (2, 3, 4, 5)  # AVFieldOrder TT, BB, TB, BT
_UNKNOWN_ORDER: Final = 0
_AS_STORED: Final = (1, 0, 0, 1)  # the matrix of a frame that has none
#: How many times as wide as high a pixel may be, or as high as wide; anamorphic lenses and discs make up to 2.
_FLATTEST: Final = 8


def believable(aspect: Fraction) -> Fraction:
    """Width by height of a pixel: what no lens and no disc makes is a mistake, and such pixels are square (pure)."""
    return aspect if max(aspect, 1 / aspect) <= _FLATTEST else Fraction(1)


def rotation(frame: VideoFrame) -> int:
    """Degrees clockwise: 0, 90, 180 or 270, whichever is nearest."""
    return round(_angle(frame) / 90) * 90 % 360


def tilted(frame: VideoFrame) -> bool:
    """Whether its display matrix turns it by other than quarters, which ffmpeg follows to the degree."""
    return round(_angle(frame)) % 90 != 0


def mirrored(frame: VideoFrame) -> bool:
    """Whether its display matrix turns left into right, as front cameras write it: its determinant is negative."""
    a, b, c, d = _matrix(frame)
    return a * d - b * c < 0


def _matrix(frame: VideoFrame) -> tuple[int, int, int, int]:
    """Of the display matrix (ISO/IEC 14496-12, 6.2.2) what turns: x' = ax + cy, y' = bx + dy."""
    data: Any = frame.side_data  # PyAV's stubs do not name its keys
    matrix = data.get(Type.DISPLAYMATRIX)
    if matrix is None:
        return _AS_STORED
    a, b, _, c, d = struct.unpack_from("=5i", bytes(matrix))
    return a, b, c, d


def _angle(frame: VideoFrame) -> float:
    """Degrees clockwise by its display matrix, as ffmpeg has them; 0 by one of zeros, which turns nothing."""
    a, b, c, d = _matrix(frame)
    across, down = math.hypot(a, c), math.hypot(b, d)
    return math.degrees(math.atan2(b / down, a / across)) if across and down else 0.0


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
