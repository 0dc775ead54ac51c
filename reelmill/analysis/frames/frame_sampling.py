"""A bounded number of frames spread evenly over a video, keyframes where they serve."""

from __future__ import annotations

import bisect
import math
from collections.abc import Iterator, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Final, NamedTuple

from reelmill.analysis.frames.seek_reader import KeyframeReader, SeekingReader, keyframes
from reelmill.analysis.frames.tiles import Pixels, draw
from reelmill.ffmpeg.reading.probe import VideoTrack

#: Seconds: frames closer to each other show little new. And so many show enough of a video.
_INTERVAL: Final = 2
MOST: Final = 64
#: No frame is drawn larger than this many times its shorter side.
_MOST_ELONGATED: Final = 4


class SampleInterval(NamedTuple):
    """A time range that one frame stands for, in seconds, and the keyframe in it nearest its middle."""

    start: Fraction
    end: Fraction
    keyframe: Fraction | None

    @property
    def middle(self) -> Fraction:
        """Seconds."""
        return (self.start + self.end) / 2


class FrameSample(NamedTuple):
    """One frame, BGR and upright, and when it begins in seconds."""

    time: Fraction
    pixels: Pixels


def sample_intervals(duration: Fraction, entries: Sequence[Fraction], most: int = MOST) -> list[SampleInterval]:
    """Split a video into equal intervals of two seconds or more (pure).

    Args:
        duration: seconds, more than 0.
        entries: its keyframes, seconds, ascending.
        most: how many intervals at most.

    Returns:
        They, in order.
    """
    count = min(most, math.ceil(duration / _INTERVAL))
    intervals = []
    for number in range(count):
        start, end = duration * number / count, duration * (number + 1) / count
        inside = entries[bisect.bisect_left(entries, start) : bisect.bisect_left(entries, end)]
        middle = (start + end) / 2
        intervals.append(SampleInterval(start, end, min(inside, key=lambda time: abs(time - middle), default=None)))
    return intervals


def sample_frames(
    path: Path, track: VideoTrack, duration: Fraction, side: int, most: int = MOST
) -> Iterator[FrameSample]:
    """Decode one frame for each of the ``sample_intervals`` of a video.

    Args:
        path: the file.
        track: the facts of its video track.
        duration: seconds that there really are.
        side: what the shorter side becomes, in pixels.
        most: how many at most.

    Yields:
        The frames, in order; an interval in which nothing decodes has none.

    Raises:
        NotAVideo, FileMissing, InputError: the file does not open.
    """
    size = _size(track.display_size, side)
    entries = keyframes(path).times
    with KeyframeReader(path) as swift, SeekingReader(path, entries) as exact:
        for interval in sample_intervals(duration, entries, most):
            timed = None if interval.keyframe is None else swift.at(interval.keyframe, interval.end)
            if timed is None:
                timed = exact.at(interval.middle)
            if timed is not None and timed.time < interval.end:
                yield FrameSample(timed.time, draw(timed.frame, track, size))


def _size(shown: tuple[int, int], side: int) -> tuple[int, int]:
    """Width and height with the shorter one ``side`` pixels."""
    shorter = min(shown)
    width, height = (min(_MOST_ELONGATED * side, round(side * Fraction(length, shorter))) for length in shown)
    return width, height
