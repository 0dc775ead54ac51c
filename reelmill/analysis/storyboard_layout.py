"""Storyboards, planned: which moments of a video get a tile, where it stands on which sheet, and the WebVTT for it.

Pure. A player shows a tile while the pointer is over its cue's seconds of the timeline, so a tile stands for the middle
of its cue and is off by half an interval at most wherever a keyframe inside the cue serves.
"""

from __future__ import annotations

import bisect
import math
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Final

#: Seconds a tile stands for.
SHORTEST: Final = 2
LONGEST: Final = 10
COLUMNS: Final = 10
ROWS: Final = 10
SHEET: Final = COLUMNS * ROWS  # tiles
WIDTH: Final = 160  # pixels of a tile, unless that made it higher than ``_HIGHEST``
_HIGHEST: Final = 320
#: The interval grows to where keyframes serve only while so many tiles are left.
_ENOUGH: Final = 20
#: Which share of the tiles may lack a keyframe before a longer interval is tried.
_LACKING: Final = 0.1


@dataclass(frozen=True)
class Tile:
    """One frame to show from ``start`` up to ``end`` (seconds), and the keyframe that serves, if one does."""

    start: Fraction
    end: Fraction
    keyframe: Fraction | None

    @property
    def middle(self) -> Fraction:
        """The moment it stands for, in seconds."""
        return (self.start + self.end) / 2


@dataclass(frozen=True)
class Cue:
    """One line of the WebVTT: seconds, and the rectangle in pixels of a sheet."""

    start: Fraction
    end: Fraction
    sheet: str  # file name
    box: tuple[int, int, int, int]  # x, y, width, height


def interval(duration: Fraction, keyframes: Sequence[Fraction]) -> int:
    """Seconds a tile stands for, 2 to 10: as few as fit the video on one sheet, more where keyframes then serve.

    Decoding a keyframe costs a hundredth of decoding up to a moment between two, so the interval is the shortest at
    which nine tiles of ten hold one; a short video, or one with hardly any keyframes, keeps the shortest of all.

    Args:
        duration: seconds.
        keyframes: seconds, ascending.

    Returns:
        A whole number of seconds.
    """
    shortest = min(LONGEST, max(SHORTEST, math.ceil(duration / SHEET)))
    for seconds in range(shortest, LONGEST + 1):
        count = math.ceil(duration / seconds)
        if count < _ENOUGH:
            break
        served = len({keyframe // seconds for keyframe in keyframes if 0 <= keyframe < duration})
        if count - served <= _LACKING * count:
            return seconds
    return shortest


def plan(duration: Fraction, keyframes: Sequence[Fraction]) -> list[Tile]:
    """The tiles of a video, in order, covering 0 to ``duration`` seconds without a gap; at least one.

    Args:
        duration: seconds, more than 0.
        keyframes: seconds, ascending; of those inside a tile's time the one nearest its middle serves.

    Returns:
        They, in order.
    """
    step = interval(duration, keyframes)
    tiles = []
    for number in range(math.ceil(duration / step)):
        start = Fraction(number * step)
        end = min(start + step, duration)
        inside = keyframes[bisect.bisect_left(keyframes, start) : bisect.bisect_left(keyframes, end)]
        middle = (start + end) / 2
        tiles.append(Tile(start, end, min(inside, key=lambda time: abs(time - middle), default=None)))
    return tiles


def tile_size(width: int, height: int) -> tuple[int, int]:
    """Width and height of a tile in pixels, for frames of true proportions ``width`` x ``height``."""
    scale = min(Fraction(WIDTH, width), Fraction(_HIGHEST, height))
    return max(1, round(width * scale)), max(1, round(height * scale))


def place_of(number: int, size: tuple[int, int]) -> tuple[int, int, int, int]:
    """Where tile ``number`` of a sheet stands: x, y, width, height in pixels."""
    row, column = divmod(number, COLUMNS)
    return column * size[0], row * size[1], *size


def webvtt(cues: Sequence[Cue], note: str) -> str:
    """The file players read: W3C WebVTT, each cue naming a rectangle of an image (W3C Media Fragments, ``xywh``).

    Args:
        cues: in order.
        note: one line of comment, without ``-->``.

    Returns:
        Its text.
    """
    blocks = ["WEBVTT", f"NOTE {note}"]
    for cue in cues:
        box = ",".join(map(str, cue.box))
        blocks.append(f"{_clock_time(cue.start)} --> {_clock_time(cue.end)}\n{cue.sheet}#xywh={box}")
    return "\n\n".join(blocks) + "\n"


def _clock_time(time: Fraction) -> str:
    """Rounded up to the millisecond: the last cue must reach the end."""
    seconds, milliseconds = divmod(math.ceil(time * 1000), 1000)
    return f"{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}.{milliseconds:03}"
