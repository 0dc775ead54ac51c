"""A bounded number of pictures spread evenly over a video, keyframes where they serve."""

from __future__ import annotations

import bisect
import math
from collections.abc import Iterator, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Final, NamedTuple

from reelmill.analysis.stills import KeyframeReader, Reader, keyframes
from reelmill.analysis.tiles import Pixels, draw
from reelmill.ffmpeg.probe import VideoTrack

#: A look a second apart tells little new, and so many tell enough of a film.
_APART: Final = 2
MOST: Final = 64
#: No picture is drawn larger than this many times its shorter side.
_LONGEST: Final = 4


class Stretch(NamedTuple):
    """A part of a video that one picture stands for, in seconds, and the keyframe in it nearest its middle."""

    start: Fraction
    end: Fraction
    keyframe: Fraction | None

    @property
    def middle(self) -> Fraction:
        """Seconds."""
        return (self.start + self.end) / 2


class Sample(NamedTuple):
    """One picture, BGR and upright, and when it begins in seconds."""

    time: Fraction
    pixels: Pixels


def plan(duration: Fraction, entries: Sequence[Fraction], most: int = MOST) -> list[Stretch]:
    """Equal stretches of two seconds or more that cover a video (pure).

    Args:
        duration: seconds, more than 0.
        entries: its keyframes, seconds, ascending.
        most: how many stretches at most.
    """
    count = min(most, math.ceil(duration / _APART))
    stretches = []
    for number in range(count):
        start, end = duration * number / count, duration * (number + 1) / count
        inside = entries[bisect.bisect_left(entries, start) : bisect.bisect_left(entries, end)]
        middle = (start + end) / 2
        stretches.append(Stretch(start, end, min(inside, key=lambda time: abs(time - middle), default=None)))
    return stretches


def samples(path: Path, track: VideoTrack, duration: Fraction, side: int, most: int = MOST) -> Iterator[Sample]:
    """The pictures, in order; a stretch of which nothing decodes has none.

    Args:
        path: the file.
        track: the facts of its picture.
        duration: seconds that there really are.
        side: what the shorter side becomes, in pixels.
        most: how many at most.

    Raises:
        NotAVideo, FileMissing, InputError: the file does not open.
    """
    size = _size(track.display_size, side)
    entries = keyframes(path).times
    with KeyframeReader(path) as swift, Reader(path, entries) as exact:
        for stretch in plan(duration, entries, most):
            still = None if stretch.keyframe is None else swift.at(stretch.keyframe, stretch.end)
            if still is None:
                still = exact.at(stretch.middle)
            if still is not None and still.time < stretch.end:
                yield Sample(still.time, draw(still.frame, track, size))


def _size(shown: tuple[int, int], side: int) -> tuple[int, int]:
    """Width and height with the shorter one ``side`` pixels."""
    shorter = min(shown)
    width, height = (min(_LONGEST * side, round(side * Fraction(part, shorter))) for part in shown)
    return width, height
