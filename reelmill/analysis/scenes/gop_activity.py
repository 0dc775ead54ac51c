"""Where nothing can have happened in a video, so that it need not be decoded. Pure, over packet sizes and thumbnails.

A packet's size shows how much of its frame could not be predicted from those before: a cut costs about a keyframe, a
fade many times what a moving frame does. So where a GOP goes on as it began, in its sizes, and has hardly changed so
far, it does so to its end; and the keyframe that follows is either like it, or a cut.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from reelmill.analysis.scenes.cuts import changes
from reelmill.analysis.scenes.luma_thumbnails import Luma

Sizes = NDArray[np.int64]
Levels = NDArray[np.float64]

#: Packets that are summed up before they are compared: frames that others refer to cost more than those between.
_RUN: Final = 8
#: And of which the fewest are looked for: a plain frame, black or of one colour, takes next to nothing from then on.
_FEW: Final = 4
#: How much more, or less, than so far may come.
_MORE: Final = 1.5
_LESS: Final = 0.35
#: A scene does not begin with less than this share of what its next keyframe takes: of 200 cuts in H.264, HEVC and
#: MPEG streams of all rates the cheapest took 0.32.
_SCENE: Final = 0.25
#: Packets below this share of the keyframe are as good as empty.
_EMPTY: Final = 0.005
#: And below this one, those of a plain frame.
_PLAIN: Final = 0.002
#: A change that may be one of scene; from one this many times as large on it is one, where nothing moved before.
_CHANGE: Final = 8.0
_CUT: Final = 3
_ABOVE: Final = 2.0
_NEARLY: Final = 0.8
#: How much the frames so far may change, from one to the next; and how many times their mean difference that is, at
#: most.
_STILL: Final = 4.0
_MOST: Final = 3.3
#: A packet this many times as large as those around it may begin a scene.
_SPIKE: Final = 1.6
_AROUND: Final = 12


class Course:
    """How a GOP's packets go on, by their sizes."""

    def __init__(self, sizes: Sizes, following: int) -> None:
        """Look at all of them.

        Args:
            sizes: of the GOP's packets in bytes, its keyframe's first.
            following: the size of the next keyframe; 0 where the file ends.
        """
        self._level = np.maximum(sizes, sizes[0] * _EMPTY).astype(np.float64)
        self._scene = _SCENE * min(int(sizes[0]), following)
        rest = self._level[1:]
        before = np.concatenate((np.zeros(_AROUND), rest[:-1]))
        highest = np.full(len(rest), np.inf)
        if len(rest) > 1:
            highest[1:] = sliding_window_view(before, _AROUND)[1:].max(axis=1)
        self._spiky = np.concatenate(([False], rest >= _SPIKE * highest))
        self._runs = _sums(self._level, _RUN)
        self._lows = _sums(np.maximum(sizes, sizes[0] * _PLAIN), _FEW)

    @property
    def spikes(self) -> NDArray[np.bool_]:
        """Packets at which a scene may begin, with those around them; shape (packets,)."""
        marked = np.zeros(len(self._level), np.bool_)
        for at in np.flatnonzero(self._spiky):
            # What is shown before a frame others refer to is read after it.
            marked[at : at + _AROUND] = True
        return marked

    def returns(self, seen: int, since: int = 0) -> bool:
        """Whether none of the packets from number ``seen`` on may begin a scene like that of the next keyframe.

        Where the frame before them is of that scene, too, it then goes on between: another one between would end, and
        not just with the GOP, if that one ends because it was time.

        Args:
            seen: how many packets were decoded.
            since: from which of them on the frame is of that scene; those before are no measure.

        Returns:
            True where a scene like that goes on to the end.
        """
        if since >= seen:
            return False
        level = self._level[seen:]
        large = level >= self._scene
        near = max(0, _AROUND - (seen - since))
        hidden = large[:near] & (level[:near] >= _SPIKE * self._level[since:seen].max())
        return not ((self._spiky[seen:] & large).any() or hidden.any())

    def calm(self, seen: int) -> bool:
        """Whether the packets from number ``seen`` on begin no scene of any kind, by those before it."""
        return not self._spiky[seen:].any() and self.goes_on(1, seen)

    def goes_on(self, begin: int, seen: int) -> bool:
        """Whether the packets from number ``seen`` on are like those from ``begin``, 1 or more, to there."""
        if seen - begin < _RUN or not self.returns(seen):
            return False
        rest = self._level[seen:]
        if not len(rest):
            return True
        if rest.max() > max(_MORE * self._level[begin:seen].max(), self._scene):
            return False
        before, after = self._runs[begin : seen - _RUN + 1], self._runs[seen - _RUN + 1 :]
        return bool(after.max() <= max(_MORE * before.max(), self._scene)) and not self._drops(begin, seen)

    def _drops(self, begin: int, seen: int) -> bool:
        before, after = self._lows[begin : seen - _FEW + 1], self._lows[seen - _FEW + 1 :]
        return bool(len(after) and after.min() < _LESS * before.min())


def _sums(levels: Levels, count: int) -> Levels:
    """Of every ``count`` packets that follow one another."""
    return np.convolve(levels, np.ones(count), "valid") if len(levels) >= count else np.zeros(0)


def stirs(one: Luma, other: Luma) -> bool:
    """Whether two frames that follow one another differ more than those of a quiet scene do."""
    moved = float(np.abs(one - other).mean())
    return moved >= _STILL / _MOST and change(one, other) >= _STILL


def settled(first: Luma, last: Luma, done: float, following: Luma | None) -> bool:
    """Whether frames that hardly differ from one to the next prove that a scene ends with the GOP, or none at all.

    Args:
        first: the first of them, shape (pixels,).
        last: the last of them.
        done: which share of the frames up to the next GOP they are, above 0.
        following: the first frame of the next GOP; None where the file ends.

    Returns:
        True where the rest of the GOP need not be decoded.
    """
    drift = change(first, last) / done  # by the end, at this pace
    return drift < _STILL if following is None else change(last, following) > max(_CUT * _CHANGE, 2 * drift)


def alike(one: Luma, other: Luma) -> bool:
    """Whether two frames may be of one scene."""
    return change(one, other) < _CHANGE


def doubtful(steps: Levels, gaps: NDArray[np.intp]) -> bool:
    """Whether every frame of a GOP is needed to find where in it a scene begins.

    Args:
        steps: how much each frame differs from the one before, shape (frames - 1,).
        gaps: how many frames later it is shown.

    Returns:
        True where a cut may have been missed, or may be none.
    """
    for at in map(int, np.flatnonzero(steps >= _CHANGE)):
        around = [place for place in range(max(0, at - 4), min(len(steps), at + 5)) if place != at]
        if not around:
            return bool(gaps[at] > 1)
        near, gap = float(steps[around].mean()), int(gaps[at])
        if gap > 1:
            # A cut is more than three times what frames around it differ by, each; those here are as far apart.
            unclear = steps[at] >= _NEARLY * ((_CUT - 1 + gap) / gap * near + _ABOVE)
        else:
            # Frames that lie evenly between two differ less, and look more alike, too, than those that were there.
            least = float((steps[around] / gaps[around]).sum() / gaps[around].sum())
            unclear = least < near and _NEARLY * (_CUT * least + _ABOVE) <= steps[at] < _CUT * near + _ABOVE
        if unclear:
            return True
    return False


def change(one: Luma, other: Luma) -> float:
    """How much two frames differ, as ``cuts.changes`` has it."""
    return float(changes(np.stack((one, other)))[0])
