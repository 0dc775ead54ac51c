"""Is every frame of a film the one that its encoder was given? Judged by the points of all frames (pure).

Measured on 72 real clips, 8 s of each, in mean levels that points are off: 6.4 in the worst frame at CRF 23 and 2000
kbit/s (11 in one), 16.9 at 150 kbit/s, 31.1 at CRF 51; but for that one never more than 4.2 times the clip's median and
a level. A frame of another shot is off by 15 to 140.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from reelmill.ffmpeg.finding import Finding, FindingKind
from reelmill.ffmpeg.reading.decode_report import DecodeReport
from reelmill.ffmpeg.reading.frame_points import FRAME_BYTES

#: A frame is another where its points are off by more levels, and by so many times what is usual in the film.
_OFF: Final = 16.0
_UNUSUAL: Final = 6.0
#: No brighter than this, in levels of limited range, is black; a frame with so many points that are brighter is not.
_BLACK: Final = 24
_BRIGHT: Final = 64
_LIT: Final = 4
#: A frame stands in another's place where it is off by more levels, and as unusually, from its own, and by less than a
#: share of that from one at most so many frames away. At CRF 51 fades are so at 4.1 times the usual.
_ASIDE: Final = 7.0
_NEARER: Final = 1 / 3
_FARTHEST: Final = 5
#: Seconds that a frame is on show at least to be seen: one of 240 a second is.
_SEEN: Final = 0.004
#: Frames that are compared in one go.
_BLOCK: Final = 4096

_Points = NDArray[np.uint8]


def wrong_frames(given: bytes, shown: bytes) -> Mapping[FindingKind, list[int]]:
    """Frames of a film that are not those its encoder was given.

    Args:
        given: the points of each frame that was to be encoded, in the order in which they are shown.
        shown: those of each frame that the film shows.

    Returns:
        The numbers of those that are wrong, by what is wrong with them. None where the film has more or fewer: which
        of them are wrong cannot be known then.
    """
    wrong = defaultdict[FindingKind, list[int]](list)
    if len(given) != len(shown) or not given:
        return wrong
    wanted, got = (np.frombuffer(points, np.uint8).reshape(-1, FRAME_BYTES) for points in (given, shown))
    off = _off(wanted, got)
    usual = float(np.median(off)) + 1
    black = (got.max(axis=1) <= _BLACK) & ((wanted > _BRIGHT).sum(axis=1) >= _LIT)
    for number in np.flatnonzero(black | (off > max(_ASIDE, _UNUSUAL * usual))).tolist():
        if black[number]:
            wrong[FindingKind.BLACK].append(number)
        elif _is_of_another(number, wanted, got, float(off[number])):
            wrong[FindingKind.MISPLACED].append(number)
        elif off[number] > _OFF:
            wrong[FindingKind.OTHER_FRAME].append(number)
    return wrong


def points_faults(given: bytes, report: DecodeReport) -> Iterator[Finding]:
    """What is wrong with the frames of a film, compared with those that its encoder was given.

    Args:
        given: the points of each of them; empty where they are not known.
        report: what decoding the film found.

    Yields:
        One finding of each kind, at the first frame that is so.
    """
    times = report.times if len(report.times) == report.frames else None
    for kind, numbers in wrong_frames(given, report.points).items():
        seen = [number for number in numbers if times is None or _is_seen(number, times)]
        if seen:
            at = None if times is None else times[seen[0]] - times[0]
            yield Finding(kind, at=at, frames=len(seen), compared=report.frames)


def _is_seen(number: int, times: Sequence[float]) -> bool:
    """Whether a frame is on show at all: encoders give no bits to one that the next replaces at once."""
    return number + 1 == len(times) or times[number + 1] - times[number] > _SEEN


def _off(wanted: _Points, got: _Points) -> NDArray[Any]:
    """Mean levels that each frame is off."""
    return np.concatenate([_apart(one, other) for one, other in _blocks(wanted, got)])


def _blocks(wanted: _Points, got: _Points) -> Iterator[tuple[_Points, _Points]]:
    for begin in range(0, len(wanted), _BLOCK):
        yield wanted[begin : begin + _BLOCK], got[begin : begin + _BLOCK]


def _apart(one: _Points, other: _Points) -> NDArray[Any]:
    apart: NDArray[Any] = np.abs(one.astype(np.int16) - other).mean(axis=-1)
    return apart


def _is_of_another(number: int, wanted: _Points, got: _Points, off: float) -> bool:
    """Whether a frame shows what another one near it should."""
    near = wanted[max(0, number - _FARTHEST) : number + _FARTHEST + 1]
    return float(_apart(near, got[number]).min()) < _NEARER * off
