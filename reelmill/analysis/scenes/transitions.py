"""Where scenes end in a video: cuts and fades to the frame, found one time range after another and joined."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Final, NamedTuple

from reelmill.analysis.frames.time_ranges import TimeRange, split_into_ranges
from reelmill.analysis.scenes import cuts as hard
from reelmill.analysis.scenes import fades as soft
from reelmill.analysis.scenes.selective_decode import thumbnails
from reelmill.errors import InputError
from reelmill.ffmpeg.reading.held import held_seconds
from reelmill.ffmpeg.reading.probe import MediaInfo
from reelmill.ffmpeg.reading.stream_copy import shown_interval
from reelmill.parallel import in_threads
from reelmill.troubles import Flaw

#: Which finding this is: another one's results are not this one's.
VERSION: Final = "3"
#: A fade that begins with a range ends within this, and what is usual around its end is still known.
_MARGIN: Final = Fraction(3)
_USUAL_RATE: Final = Fraction(25)

Interval = tuple[Fraction, Fraction]


class Scene(NamedTuple):
    """From ``first`` up to, not including, ``end``, in seconds."""

    first: Fraction
    end: Fraction


@dataclass(frozen=True)
class Transitions:
    """In seconds from the start of the file, in order."""

    cuts: tuple[Fraction, ...]  # when the first frame of a new scene is shown
    fades: tuple[Interval, ...]  # begin and end of each


@dataclass(frozen=True)
class TransitionSearch:
    """Finds the transitions of a time range; small enough to travel to another node."""

    rate: Fraction | None  # frames per second of the video

    def __call__(self, time_range: TimeRange) -> Transitions:
        """Find the cuts of a time range, and the runs of frames in fades that begin in it.

        A little more than the range is decoded, so that what is found does not depend on how a video was split.

        Returns:
            The transitions of the time range alone.

        Raises:
            NotAVideo, FileMissing, InputError: the file does not open.
        """
        rate = self.rate if self.rate is not None and 1 <= self.rate <= 240 else _USUAL_RATE
        behind = 2 * (hard.AROUND + hard.FLASH) / rate
        seen = thumbnails(Path(time_range.path), time_range.first - behind, time_range.end + max(_MARGIN, behind))
        found = hard.cuts(seen.luma)
        inside = [time_range.first <= time < time_range.end for time in seen.times]
        blends = soft.blends(seen.luma, found, rate)
        return Transitions(
            cuts=tuple(seen.times[at] for at in found if inside[at]),
            fades=tuple((seen.times[first], seen.times[last]) for first, last in blends if inside[first]),
        )


def find_transitions(source: Path, info: MediaInfo) -> Transitions:
    """The cuts and fades of any file, searched by all cores; errors as ``search_ranges``'s."""
    return join(in_threads(TransitionSearch(info.video.frame_rate), search_ranges(source, info)))


def search_ranges(source: Path, info: MediaInfo) -> list[TimeRange]:
    """The time ranges that a file is searched in.

    Args:
        source: the file.
        info: its facts.

    Returns:
        They, in order; ``join`` puts together what ``TransitionSearch`` finds in each.

    Raises:
        InputError: none of its frames has a time.
    """
    duration = info.video.duration or info.duration or sum(shown_interval(source))
    if duration <= 0:
        reason = f"{source.name} does not say when its frames are shown; re-encode it first."
        raise InputError(reason, source, Flaw.NO_TIMES)
    return split_into_ranges(source, held_seconds(source, Fraction(duration)))


def join(results: Sequence[Transitions]) -> Transitions:
    """The transitions of time ranges that follow one another; runs of frames in fades that overlap are one fade."""
    fades: list[Interval] = []
    for begin, end in sorted(interval for found in results for interval in found.fades):
        if fades and begin <= fades[-1][1]:
            fades[-1] = (fades[-1][0], max(fades[-1][1], end))
        else:
            fades.append((begin, end))
    return Transitions(cuts=tuple(cut for found in results for cut in found.cuts), fades=tuple(fades))


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
    return [Scene(*interval) for interval in pairwise([begin, *inner, end])]
