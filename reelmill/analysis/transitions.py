"""Where scenes end in a video: cuts and fades to the picture, found range by range and joined."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Final, NamedTuple

from reelmill.analysis import cuts as hard
from reelmill.analysis import fades as soft
from reelmill.analysis.luma import planes
from reelmill.analysis.ranges import Range, Spread, ranges
from reelmill.errors import InputError
from reelmill.fan_out import threads
from reelmill.ffmpeg.copying import shown
from reelmill.ffmpeg.probe import MediaInfo

#: Which finding this is: another one's results are not this one's.
VERSION: Final = "3"
#: A fade that begins with a range ends within this, and what is usual around its end can still be told.
_MARGIN: Final = Fraction(3)
_USUAL_RATE: Final = Fraction(25)

Span = tuple[Fraction, Fraction]


class Scene(NamedTuple):
    """From ``first`` up to, not including, ``end``, in seconds."""

    first: Fraction
    end: Fraction


@dataclass(frozen=True)
class Transitions:
    """In seconds from the start of the file, in order."""

    cuts: tuple[Fraction, ...]  # when the first picture of a new scene is shown
    fades: tuple[Span, ...]  # begin and end of each


@dataclass(frozen=True)
class Search:
    """Finds the transitions of one range after another; small enough to travel to another machine."""

    rate: Fraction | None  # pictures per second of the video

    def __call__(self, part: Range) -> Transitions:
        """The cuts of a range, and the stretches of fades that begin in it.

        A little more than the range is decoded, so that what is found does not depend on how a video was split.

        Raises:
            NotAVideo, FileMissing, InputError: the file does not open.
        """
        rate = self.rate if self.rate is not None and 1 <= self.rate <= 240 else _USUAL_RATE
        behind = 2 * (hard.AROUND + hard.FLASH) / rate
        seen = planes(Path(part.path), part.first - behind, part.end + max(_MARGIN, behind))
        found = hard.cuts(seen.luma)
        inside = [part.first <= time < part.end for time in seen.times]
        blends = soft.blends(seen.luma, found, rate)
        return Transitions(
            cuts=tuple(seen.times[at] for at in found if inside[at]),
            fades=tuple((seen.times[first], seen.times[last]) for first, last in blends if inside[first]),
        )


def find(source: Path, info: MediaInfo, spread: Spread = threads) -> Transitions:
    """The cuts and fades of any file.

    Args:
        source: the file.
        info: its facts.
        spread: runs the search of each range, here or elsewhere.

    Raises:
        InputError: none of its pictures says when it is shown.
    """
    duration = info.video.duration or info.duration or sum(shown(source))
    if duration <= 0:
        raise InputError(f"{source.name} does not say when its pictures are shown; re-encode it first.")
    return join(spread(Search(info.video.frame_rate), ranges(source, Fraction(duration))))


def join(parts: Sequence[Transitions]) -> Transitions:
    """The transitions of ranges that follow one another; stretches of fades that overlap are one fade."""
    fades: list[Span] = []
    for begin, end in sorted(span for part in parts for span in part.fades):
        if fades and begin <= fades[-1][1]:
            fades[-1] = (fades[-1][0], max(fades[-1][1], end))
        else:
            fades.append((begin, end))
    return Transitions(cuts=tuple(cut for part in parts for cut in part.cuts), fades=tuple(fades))


def packed(found: Transitions) -> bytes:
    """The transitions as JSON, times as exact fractions."""
    fades = [[str(begin), str(end)] for begin, end in found.fades]
    return json.dumps({"cuts": [str(cut) for cut in found.cuts], "fades": fades}).encode()


def unpacked(data: bytes) -> Transitions:
    """What ``packed`` was given."""
    read = json.loads(data)
    return Transitions(
        cuts=tuple(Fraction(cut) for cut in read["cuts"]),
        fades=tuple((Fraction(begin), Fraction(end)) for begin, end in read["fades"]),
    )


def scenes(found: Transitions, begin: Fraction, end: Fraction) -> list[Scene]:
    """The scenes of a video that shows something from ``begin`` to ``end``: a fade belongs to each scene by half."""
    bounds = sorted({*found.cuts, *((first + last) / 2 for first, last in found.fades)})
    inner = [bound for bound in bounds if begin < bound < end]
    return [Scene(*span) for span in pairwise([begin, *inner, end])]
