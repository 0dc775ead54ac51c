"""The points of each frame that encoders were given, for the proof of what they have made; see ``frame_points``."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Final

from reelmill.ffmpeg.reading.frame_points import appended_points
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
        They; none where a chunk has none.
    """
    found = [appended_points(path, frames) for path, frames in chunks]
    if None in found:
        report.line(_UNKNOWN)
        return b""
    return b"".join(points for points in found if points is not None)
