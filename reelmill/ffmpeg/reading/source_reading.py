"""What the one reading of a source before its encode has found, so that no later step has to read all of it again."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from reelmill.ffmpeg.reading.packet_index import Index


@dataclass(frozen=True)
class CompanionCopy:
    """The audio tracks of a video, and its subtitle tracks where some are text, in a file of their own.

    Tracks have the numbers and packets the times that they have in the video.
    """

    path: Path
    later: Fraction  # seconds by which this file begins later on that clock than the video; negative: earlier
    end: float | None  # seconds on that clock at which whatever ends last in the video does, as far as it was read


@dataclass(frozen=True)
class SourceReading:
    """The frames of a video by its packets, and what comes with them."""

    index: Index
    companions: CompanionCopy
