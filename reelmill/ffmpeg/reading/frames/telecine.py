"""Whether a video of 30 interlaced frames a second is a film of 24 whose fields were repeated, all of it.

Hard telecine (3:2 pulldown) shows the frames of a film for three and two fields in turn. In every five frames one has
the top field of the frame before once more, and two frames from there one has its bottom field. Where that is so
wherever something moves, the film's own frames can be had back; where it is not so once, nothing is certain.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Final

import numpy as np
from av.error import FFmpegError
from av.video.stream import VideoStream

from reelmill.errors import NotAVideo
from reelmill.ffmpeg.reading.probe import MediaInfo
from reelmill.ffmpeg.reading.seeking import Footage

#: Frames a second of television that films are telecined for, and how far off the rate that a file states may be.
_TELEVISION: Final = Fraction(30_000, 1001)
_NEAR: Final = Fraction(1, 20)
#: How many times a file is looked into, and how many frames each time: six cycles of five.
_WINDOWS: Final = 24
_FRAMES: Final = 31
_CYCLE: Final = 5
#: How many frames after the top field the bottom field is repeated.
_APART: Final = (2, 3)
#: Mean difference of two fields, of 255, from which on something moves; and how much less of it a repeated one has,
#: which coding leaves.
_MOVES: Final = 0.5
_REPEATED: Final = 0.25
#: How many windows must have moved.
_LEAST: Final = 2

#: Mean differences of the top and of the bottom field of a frame from those of the frame before.
FieldSteps = Sequence[tuple[float, float]]


def with_telecine(path: Path, info: MediaInfo) -> MediaInfo:
    """The facts of a video with whether it is telecined; only such of 30 interlaced frames a second is looked into.

    Args:
        path: its file.
        info: its facts.

    Returns:
        The same with ``VideoTrack.telecined``.

    Raises:
        FileMissing, NotAVideo, InputError: it does not open.
    """
    video, length = info.video, info.video.duration or info.duration
    rate = video.frame_rate
    if not video.interlaced or not length or rate is None or abs(rate - _TELEVISION) > _NEAR:
        return info
    try:
        windows = _windows(path, length)
    except (FFmpegError, NotAVideo):  # damage is for others to find
        return info
    return replace(info, video=replace(video, telecined=telecined(windows)))


def _windows(path: Path, length: Fraction) -> list[FieldSteps]:
    count = max(1, min(_WINDOWS, int(length * _TELEVISION / _FRAMES)))
    found: list[FieldSteps] = []
    with Footage(path, _prepare) as footage:
        for number in range(count):
            if number and not footage.seek(length * number / count):
                continue
            fields = []
            for shown, _ in zip(footage.frames(), range(_FRAMES), strict=False):
                luma = np.asarray(shown.frame.to_ndarray(format="gray"), np.int16)
                fields.append((luma[0::2], luma[1::2]))
            found.append(
                [
                    (float(np.abs(top - before[0]).mean()), float(np.abs(bottom - before[1]).mean()))
                    for before, (top, bottom) in pairwise(fields)
                ]
            )
    return found


def _prepare(stream: VideoStream) -> None:
    stream.thread_type = "AUTO"


def telecined(windows: Sequence[FieldSteps]) -> bool:
    """Whether wherever something moves it does so in a cadence of 3:2 (pure).

    Args:
        windows: of time ranges of a video.

    Returns:
        Whether it does; no where hardly anything moves.
    """
    moving = [window for window in windows if _moves(window)]
    return len(moving) >= min(_LEAST, len(windows)) > 0 and all(map(_in_cadence, moving))


def _moves(window: FieldSteps) -> bool:
    """Whether there is motion in every cycle."""
    cycles = [window[begin : begin + _CYCLE] for begin in range(0, len(window) - _CYCLE + 1, _CYCLE)]
    return bool(cycles) and all(max(map(max, cycle)) > _MOVES for cycle in cycles)


def _in_cadence(window: FieldSteps) -> bool:
    return any(
        all(
            _repeated(window, 0, begin) and _repeated(window, 1, begin - begin % _CYCLE + (begin + apart) % _CYCLE)
            for begin in range(phase, len(window) - _CYCLE, _CYCLE)
        )
        for phase in range(_CYCLE)
        for apart in _APART
    )


def _repeated(window: FieldSteps, field: int, place: int) -> bool:
    """Whether a field is that of the frame before, and the other is not."""
    return window[place][field] < _REPEATED * window[place][1 - field]
