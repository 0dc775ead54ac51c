"""The points of each frame that encoders were given, for the proof of what they have made; see ``frame_points``."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Final

from reelmill.ffmpeg.reading.decode import check_whole
from reelmill.ffmpeg.reading.decode_request import DecodeRequest
from reelmill.ffmpeg.reading.frames.frame_points import FRAME_BYTES, UNKNOWN_FRAME, appended_points
from reelmill.report import Report

_UNKNOWN: Final = "not all frames are compared with those that were encoded: no points of them were written"


def written_points(file: Path, report: Report) -> bytes:
    """The points that an encode in one go has written.

    Args:
        file: of them.
        report: where it is logged that there are none.

    Returns:
        They; none where the file is not there.
    """
    points = file.read_bytes() if file.exists() else b""
    if not points:
        report.line(_UNKNOWN)
    return points


def points_of(chunks: Iterable[tuple[Path, int]], report: Report) -> bytes:
    """The points that chunks have behind them.

    Args:
        chunks: the file of each, in their order, and how many frames it has.
        report: where it is logged that one has none.

    Returns:
        They; ``UNKNOWN_FRAME`` for each frame of a chunk that has none, and nothing where none has.
    """
    found = [(appended_points(path, frames), frames) for path, frames in chunks]
    if any(points is None for points, _ in found):
        report.line(_UNKNOWN)
    if all(points is None for points, _ in found):
        return b""
    return b"".join(frames * UNKNOWN_FRAME if points is None else points for points, frames in found)


def source_points(source: Path, frames: int) -> bytes:
    """The points of a video whose frames are joined as they are, by decoding it.

    Args:
        source: the file.
        frames: that the film takes of it: all.

    Returns:
        They; ``UNKNOWN_FRAME`` for each frame where as many do not decode.

    Raises:
        NotAVideo, InputError: it does not open.
        Unreadable: the disk does not give its bytes.
    """
    points = check_whole(source, DecodeRequest(points=True)).points
    return points if len(points) == frames * FRAME_BYTES else frames * UNKNOWN_FRAME
