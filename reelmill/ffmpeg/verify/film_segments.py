"""What a film shows of which video, and which of its frames are compared with the video's (pure)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Final

from reelmill.ffmpeg.reading.frames.raster import WHOLE, Box
from reelmill.ffmpeg.reading.probe import VideoTrack
from reelmill.ffmpeg.verify.detail_asked import NOT_COMPARED, DetailAsked

#: How many frames of a film are compared at least, spread over it; at least one of each segment.
FRAMES: Final = 12
#: How far frames at an even rate may be off, in seconds: Matroska rounds to milliseconds.
_ROUNDING: Final = 0.0011
#: How far between two frames of the film, of 1, a frame of its video may begin to be surely one of both: half-way it
#: may become either, from one frame to the next.
_UNDECIDED: Final = 0.15
#: The same, where the moments are that frames of the film are looked for at.
_EDGE: Final = 0.01


@dataclass(frozen=True)
class FilmSegment:
    """A segment of a film, taken from a video frame by frame at the same speed."""

    path: Path  # of the video
    begin: float  # in the video, in seconds from the start of its file
    end: float
    at: float  # in the film, in seconds after its first frame
    box: Box = WHOLE  # of the film's frame, which the video fills
    mapped: bool = False  # from high dynamic range to standard
    heard: bool = True  # its first audio track is the film's there
    gain: float | None = 0.0  # by how many dB its audio was changed; None: by some
    detail: DetailAsked = NOT_COMPARED  # that its encode was asked to keep
    retimed: bool = True  # its frames may be those beside the video's, which motion has shifted
    rate: Fraction | None = None  # frames a second of the film, where they are the video's, too; None: they are not

    @property
    def length(self) -> float:
        """In seconds."""
        return self.end - self.begin

    def shown(self, time: float) -> float:
        """When what the video shows at ``time`` is shown in the film."""
        return self.at + time - self.begin


def in_step(segment: FilmSegment, times: Sequence[float]) -> bool:
    """Whether a film surely shows each of some frames of a video, one after the other (pure).

    Args:
        segment: of the film.
        times: when the frames are shown in the video, in seconds; they follow one another.

    Returns:
        False where frames come at another rate, or so that one may be left out or repeated.
    """
    if segment.rate is None:
        return False
    rate = float(segment.rate)
    even = all(abs(after - before - 1 / rate) <= _ROUNDING for before, after in pairwise(times))
    between = [(time - segment.begin) * rate % 1 for time in times]
    decided = all(abs(phase - 0.5) > _UNDECIDED for phase in between)
    places = [(segment.shown(time) + _ROUNDING) * rate for time in times]
    apart = all(_EDGE < place % 1 < 1 - _EDGE for place in places)
    return even and decided and apart and all(int(b) - int(a) == 1 for a, b in pairwise(places))


def shown_box(track: VideoTrack) -> Box:
    """What of a stored frame its container shows: ffmpeg crops to that when it encodes, PyAV's frames are whole."""
    cropped, (width, height) = track.cropping, (track.width, track.height)
    whole = width + cropped.left + cropped.right, height + cropped.top + cropped.bottom
    return Box(cropped.left / whole[0], cropped.top / whole[1], width / whole[0], height / whole[1])


@dataclass(frozen=True)
class Window:
    """Where one frame is looked for: seconds from the start of the video's file."""

    segment: FilmSegment
    begin: float
    end: float


def windows(segments: Sequence[FilmSegment]) -> list[Window]:
    """Windows spread over a film: one of each segment, and more of long ones until there are ``FRAMES``."""
    whole = sum(segment.length for segment in segments)
    found = []
    for segment in segments:
        count = max(1, math.ceil(FRAMES * segment.length / whole)) if whole > 0 else 1
        step = segment.length / count
        found += [Window(segment, segment.begin + n * step, segment.begin + (n + 1) * step) for n in range(count)]
    return found
