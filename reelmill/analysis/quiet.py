"""Where nothing can have happened in a video, so that it need not be decoded. Pure, over packet sizes and planes.

A packet's size says how much of its picture could not be told from those before: a cut costs about a keyframe, a fade
many times what a moving picture does. So where a group of pictures goes on as it began, in its sizes, and has hardly
changed so far, it does so to its end; and the keyframe that follows is either like it, or a cut.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from reelmill.analysis.cuts import changes
from reelmill.analysis.planes import Plane

Sizes = NDArray[np.int64]
Levels = NDArray[np.float64]

#: Packets that are summed up before they are compared: pictures that others refer to cost more than those between.
_RUN: Final = 8
#: How much more, or less, than so far may come.
_MORE: Final = 1.5
_LESS: Final = 0.35
#: Packets below this share of the keyframe are as good as empty.
_EMPTY: Final = 0.005
#: A change that may be one of scene; from one this many times as large on it is one, where nothing moved before.
_CHANGE: Final = 8.0
_CUT: Final = 3
#: How much the pictures so far may change, from one to the next.
_STILL: Final = 4.0
#: A packet this many times as large as those around it may begin a scene.
_SPIKE: Final = 1.6
_AROUND: Final = 12


def spikes(sizes: Sizes) -> NDArray[np.bool_]:
    """Packets at which, by their size, a scene may begin, with those around them; shape (packets,).

    Args:
        sizes: of a group's packets, its keyframe's first.
    """
    marked = np.zeros(len(sizes), np.bool_)
    above = _above(np.maximum(sizes, sizes[0] * _EMPTY).astype(np.float64)[1:])
    for at in np.flatnonzero(above >= _SPIKE):
        # What is shown before a picture others refer to is read after it.
        marked[at : at + _AROUND] = True
    return marked


def _above(level: Levels) -> Levels:
    """How many times as large as the largest of those shortly before each packet is; 0 for the first one."""
    if len(level) < 2:
        return np.zeros(len(level))
    before = np.concatenate((np.zeros(_AROUND), level[:-1]))
    return np.concatenate(([0.0], level[1:] / sliding_window_view(before, _AROUND)[1:].max(axis=1)))


def goes_on(sizes: Sizes, begin: int, seen: int) -> bool:
    """Whether the packets of a group from number ``seen`` on are like those from ``begin`` to there, by their sizes.

    Args:
        sizes: of the group's packets, its keyframe's first.
        begin: the first packet to compare with, from 1.
        seen: the packet after the last one to compare with.
    """
    level = np.maximum(sizes[begin:], sizes[0] * _EMPTY).astype(np.float64)
    known = seen - begin
    if known < _RUN:
        return False
    if known >= len(level):
        return True
    if (_above(level)[known:] >= _SPIKE).any():
        return False
    runs = np.convolve(level, np.ones(_RUN), "valid")
    before, after = runs[: known - _RUN + 1], runs[known - _RUN + 1 :]
    alike = after.max() <= _MORE * before.max() and after.min() >= _LESS * before.min()
    return bool(alike and level[known:].max() <= _MORE * level[:known].max())


def still_since(luma: Plane) -> int:
    """The first of those last pictures that hardly differ from one to the next; shape (pictures, pixels)."""
    moved = np.flatnonzero(changes(luma) >= _STILL)
    return int(moved[-1]) + 1 if moved.size else 0


def settled(luma: Plane, done: float, following: Plane | None) -> bool:
    """Whether pictures that hardly differ from one to the next say how it goes on to the next group's first picture.

    Args:
        luma: of the pictures so far, shape (pictures, pixels).
        done: which share that is of those up to the next group, above 0.
        following: the first picture of the next group, shape (pixels,); None where the file ends.
    """
    if len(luma) < 2:
        return False
    drift = change(luma[0], luma[-1]) / done  # by the end, at this pace
    if following is None:
        return drift < _STILL
    jump = change(luma[-1], following)
    return jump < _CHANGE or jump > max(_CUT * _CHANGE, 2 * drift)


def cut(before: Plane, after: Plane) -> bool:
    """Whether a scene ends between two pictures, between which nothing moves."""
    return change(before, after) >= _CHANGE


def doubtful(luma: Plane, apart: NDArray[np.bool_]) -> bool:
    """Whether a scene may begin in one of the gaps between pictures.

    Args:
        luma: of pictures in the order they are shown, shape (pictures, pixels).
        apart: for each but the last, whether there are others between it and the next; shape (pictures - 1,).
    """
    if len(luma) < 2:
        return False
    steps = changes(luma)
    for at in np.flatnonzero(apart & (steps >= _CHANGE)):
        near = np.concatenate((steps[max(0, at - 4) : at], steps[at + 1 : at + 5]))
        if not len(near) or steps[at] >= 1.6 * near.mean():
            return True
    return False


def change(one: Plane, other: Plane) -> float:
    """How much two pictures differ, as ``cuts.changes`` has it."""
    return float(changes(np.stack((one, other)))[0])
