"""Points of a frame: its brightness at ``SIDE`` by ``SIDE`` places, so few that those of every frame can be kept.

An encode writes those of each frame that it is given, and decoding the finished film finds them again. Single pixels
are taken, not means: that costs nothing, and over all points of a frame the noise of coding evens out.
"""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any, Final, cast

import numpy as np
from av.video.frame import VideoFrame
from av.video.reformatter import VideoReformatter

#: Points in a row and in a column.
SIDE: Final = 8
#: Bytes of a frame: one a point, row by row, in the levels that the frame is stored in.
FRAME_BYTES: Final = SIDE * SIDE
#: Stands for those of a frame that are not known; black is 16 in limited range.
UNKNOWN_FRAME: Final = bytes(FRAME_BYTES)
#: What points are in behind a chunk's frames, which players skip: a box of an mp4 with its size and type (ISO/IEC
#: 14496-12, 8.1.2), or a void element of Matroska with its type and the size of what follows (RFC 8794, 11.3.2).
_FREE: Final = struct.Struct(">I4s")
_VOID: Final = struct.Struct(">BQ")
_VOID_TYPE: Final = 0xEC
_VOID_WIDTH: Final = 1 << 56
#: What a Matroska file begins with (RFC 8794, 11.2.1).
_EBML: Final = b"\x1a\x45\xdf\xa3"


class PointSampler:
    """Takes the points of frames; it keeps its scaler, which is the encode's, so that places are the same."""

    def __init__(self) -> None:
        self._scaler = VideoReformatter()

    def sample(self, frame: VideoFrame) -> bytes:
        """The points of a frame: ``FRAME_BYTES`` of them."""
        small = self._scaler.reformat(frame, SIDE, SIDE, format="yuv420p", interpolation="POINT", threads=1)
        plane = small.planes[0]
        rows = np.frombuffer(cast(Any, plane), np.uint8).reshape(SIDE, plane.line_size)
        return rows[:, :SIDE].tobytes()


def _head(film: Path, size: int) -> bytes:
    """What stands before so many bytes of points behind a film."""
    with film.open("rb") as file:
        if file.read(len(_EBML)) == _EBML:
            return _VOID.pack(_VOID_TYPE, _VOID_WIDTH | size)
    return _FREE.pack(_FREE.size + size, b"free")


def append_points(film: Path, points: bytes) -> None:
    """Put the points of a film's frames behind it, where players skip them.

    Args:
        film: an mp4 or Matroska file that nobody else uses yet.
        points: of each of its frames.

    Raises:
        OSError: the disk refuses.
    """
    head = _head(film, len(points))
    with film.open("ab") as file:
        file.write(head + points)


def appended_points(film: Path, frames: int) -> bytes | None:
    """The points that ``append_points`` put behind a film.

    Args:
        film: the file.
        frames: that it has.

    Returns:
        They; None where it has none of so many frames.

    Raises:
        OSError: it cannot be read.
    """
    head = _head(film, frames * FRAME_BYTES)
    size = len(head) + frames * FRAME_BYTES
    with film.open("rb") as file:
        begin = film.stat().st_size - size
        if begin < 0:
            return None
        file.seek(begin)
        held = file.read(size)
    return held[len(head) :] if held[: len(head)] == head else None
