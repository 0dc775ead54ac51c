"""Is every frame of a film the one that its encoder was given? Judged by the points of all frames (pure).

A frame is never another for being coded badly: what changes wholly from frame to frame, such as noise, is lost in any
encode of few bits, and so is much of any film of which little was asked. Measured on 79 real clips, in mean levels that
points are off where that is more than the film itself changes by: 3.8 in the worst frame at CRF 23, 2000 kbit/s and the
quickest preset; at CRF 51 and 50 kbit/s 104, where the frame may show a shot that is over. A frame of another shot is
off by 15 to 140.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Mapping
from typing import Final

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from reelmill.ffmpeg.finding import Finding, FindingKind
from reelmill.ffmpeg.reading.decode_report import DecodeReport
from reelmill.ffmpeg.reading.frames.frame_points import FRAME_BYTES

#: A frame is another where its points are off by more levels, and by so many times what is usual; no more than so many
#: levels count as usual, lest a fault of most of a film be what it is measured by.
_OFF: Final = 16.0
_UNUSUAL: Final = 6.0
_MOST_USUAL: Final = 4.0
#: The same where little was asked of the encode, and anything may be usual.
_OFF_ROUGH: Final = 32.0
_UNUSUAL_ROUGH: Final = 16.0
#: What is usual is the median of about so many frames on either side, taken anew after as many.
_AROUND: Final = 25
#: What a film changes by at a frame is the second most that it does from one to the next so many frames on either side:
#: a cut is a single change, and what is drawn anew for every third frame changes twice.
_CHANGING: Final = 4
#: No brighter than this, in levels of limited range, is black; a frame with so many points that are brighter is not.
_BLACK: Final = 24
_BRIGHT: Final = 64
_LIT: Final = 4
#: A frame stands in another's place where it is off by more levels, and as unusually, from its own, and by less than a
#: share of that from one at most so many frames away.
_ASIDE: Final = 7.0
_NEARER: Final = 1 / 3
_FARTHEST: Final = 5
#: A frame is on show for so many seconds at least, or for such a share of what is usual in the film, to be seen.
_SEEN: Final = 0.004
_SEEN_SHARE: Final = 0.1
#: Frames that are compared in one go.
_BLOCK: Final = 4096

_Points = NDArray[np.uint8]
_Levels = NDArray[np.float64]
_Which = NDArray[np.bool_]


def wrong_frames(given: bytes, shown: bytes, *, rough: bool = False) -> Mapping[FindingKind, list[int]]:
    """Frames of a film that are not those its encoder was given.

    Args:
        given: the points of each frame that was to be encoded, in the order in which they are shown; those of frames
            that are not known are ``UNKNOWN_FRAME``.
        shown: those of each frame that the film shows.
        rough: so little was asked of the encode that frames may be late; only black ones and gross faults are found.

    Returns:
        The numbers of those that are wrong, by what is wrong with them. None where the film has more or fewer: which
        of them are wrong cannot be known then.
    """
    if len(given) != len(shown) or not given:
        return {}
    wanted, got = (np.frombuffer(points, np.uint8).reshape(-1, FRAME_BYTES) for points in (given, shown))
    known = np.flatnonzero(wanted.any(axis=1))
    if not len(known):
        return {}
    wanted, got = wanted[known], got[known]
    off = _apart(wanted, got)
    black: _Which = (got.max(axis=1) <= _BLACK) & ((wanted > _BRIGHT).sum(axis=1) >= _LIT)
    misplaced = np.zeros_like(black) if rough else _misplaced(wanted, got, off)
    foreign = (off > _changes(wanted)) & (_foreign_if_rough(got, off) if rough else off > _limit(off, _OFF))
    found = {
        FindingKind.BLACK: black,
        FindingKind.MISPLACED: misplaced & ~black,
        FindingKind.OTHER_FRAME: foreign & ~misplaced & ~black,
    }
    return {kind: known[which].tolist() for kind, which in found.items() if which.any()}


def points_faults(given: bytes, report: DecodeReport, *, rough: bool = False) -> Iterator[Finding]:
    """What is wrong with the frames of a film, compared with those that its encoder was given.

    Args:
        given: the points of each of them; empty where they are not known.
        report: what decoding the film found.
        rough: so little was asked of its encode that detail may be lost.

    Yields:
        One finding of each kind, at the first frame that is so.
    """
    if not report.frames:
        return
    times = report.times if len(report.times) == report.frames else None
    seen = np.ones(report.frames, np.bool_) if times is None else _seen(times)
    for kind, numbers in wrong_frames(given, report.points, rough=rough).items():
        if of_these := [number for number in numbers if seen[number]]:
            at = None if times is None else times[of_these[0]] - times[0]
            yield Finding(kind, at=at, frames=len(of_these), compared=report.frames)


def _seen(times: array[float]) -> _Which:
    """Which frames are on show at all: encoders give no bits to one that the next replaces at once."""
    shown_for = np.diff(np.asarray(times), append=np.inf)
    return shown_for > min(_SEEN, _SEEN_SHARE * float(np.median(shown_for)))


def _limit(off: _Levels, least: float) -> _Levels:
    """Levels that each frame may be off; ``least`` where the film is coded well."""
    return np.maximum(least, _UNUSUAL * np.minimum(_usual(off), _MOST_USUAL))


def _usual(off: _Levels) -> _Levels:
    """Levels that frames are usually off, around each and in the film, whichever is more; and one."""
    aside = _AROUND // 2  # so that each window has the frames that it is for in its middle
    padded = np.pad(off, (_AROUND - aside, _AROUND + aside), mode="symmetric")
    around = sliding_window_view(padded, 2 * _AROUND + 1)[::_AROUND]
    medians = np.repeat(np.median(around, axis=1), _AROUND)[: len(off)]
    return np.maximum(medians, np.median(off)) + 1


def _changes(wanted: _Points) -> _Levels:
    """Levels by which what should be shown changes around each frame: so much of it may be lost."""
    changes = np.pad(_apart(wanted[1:], wanted[:-1]), _CHANGING)
    around = sliding_window_view(changes, 2 * _CHANGING)
    return np.partition(around, -2, axis=1)[:, -2]


def _misplaced(wanted: _Points, got: _Points, off: _Levels) -> _Which:
    """Which frames show what another one near them should."""
    numbers = np.flatnonzero(off > _limit(off, _ASIDE))
    places = [(numbers + aside).clip(0, len(wanted) - 1) for aside in range(-_FARTHEST, _FARTHEST + 1)]
    nearest = np.min([_apart(wanted[place], got[numbers]) for place in places], axis=0)
    misplaced = np.zeros(len(off), np.bool_)
    misplaced[numbers] = nearest < _NEARER * off[numbers]
    return misplaced


def _foreign_if_rough(got: _Points, off: _Levels) -> _Which:
    """Which frames are grossly off, and not for being late: without bits a film goes on to show what it showed."""
    limit = np.maximum(_OFF_ROUGH, _UNUSUAL_ROUGH * _usual(off))
    turned = np.concatenate([[np.inf], _apart(got[1:], got[:-1])])
    return (off > limit) & (turned > _NEARER * off)


def _apart(one: _Points, other: _Points) -> _Levels:
    """Mean levels that the points of each frame are off from those of another."""
    blocks = [slice(begin, begin + _BLOCK) for begin in range(0, max(1, len(one)), _BLOCK)]
    apart = [np.abs(one[block].astype(np.int16) - other[block]).mean(axis=1) for block in blocks]
    levels: _Levels = np.concatenate(apart)
    return levels
