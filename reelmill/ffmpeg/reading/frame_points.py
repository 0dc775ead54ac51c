"""Points of a frame: its brightness at ``SIDE`` by ``SIDE`` places, so few that those of every frame can be kept.

An encode writes those of each frame that it is given, and decoding the finished film finds them again. Single pixels
are taken, not means: that costs nothing, and over all points of a frame the noise of coding evens out.
"""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Final, cast

import numpy as np
from av.video.frame import VideoFrame
from av.video.reformatter import VideoReformatter
from numpy.typing import NDArray

#: Points in a row and in a column.
SIDE: Final = 8
#: Bytes of a frame: one a point, row by row, in the levels that the frame is stored in.
FRAME_BYTES: Final = SIDE * SIDE
#: Size and type of the box that holds a chunk's points, which players skip (ISO/IEC 14496-12, 8.1.2).
_HEAD: Final = struct.Struct(">I4s")
_FREE: Final = b"free"


class PointSampler:
    """Takes the points of frames; it keeps its scaler, which is the encode's, so that places are the same."""

    def __init__(self) -> None:
        self._scaler = VideoReformatter()

    def sample(self, frame: VideoFrame) -> bytes:
        """The points of a frame: ``FRAME_BYTES`` of them."""
        small = self._scaler.reformat(frame, SIDE, SIDE, format="yuv420p", interpolation="POINT", threads=1)
        plane = cast(NDArray[np.uint8], small.to_ndarray())
        return plane[:SIDE].tobytes()


def append_points(film: Path, points: Path) -> None:
    """Put the points of a film's frames behind it, in a box that players skip.

    Args:
        film: an mp4 that nobody else uses yet.
        points: a file of them.

    Raises:
        OSError: the disk refuses.
    """
    held = points.read_bytes()
    with film.open("ab") as file:
        file.write(_HEAD.pack(_HEAD.size + len(held), _FREE) + held)


def appended_points(film: Path, frames: int) -> bytes | None:
    """The points that ``append_points`` put behind a film.

    Args:
        film: the mp4.
        frames: that it has.

    Returns:
        They; None where it has none of so many frames.

    Raises:
        OSError: it cannot be read.
    """
    size = _HEAD.size + frames * FRAME_BYTES
    with film.open("rb") as file:
        begin = film.stat().st_size - size
        if begin < 0:
            return None
        file.seek(begin)
        box = file.read(size)
    return box[_HEAD.size :] if box[: _HEAD.size] == _HEAD.pack(size, _FREE) else None
