"""Frames of a film compared with those of the videos it was made of: a few at first, then suspects again.

The first comparison is cheap: keyframes of the source, and frames of the film that are decoded for its proof anyway.
A frame in which something seems wrong is compared again, with all that is shown around it, decoded with care; only what
is wrong in most of that counts.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby, pairwise
from pathlib import Path
from typing import Final, NamedTuple, Self

from reelmill.ffmpeg.finding import Finding, FindingKind
from reelmill.ffmpeg.reading.coded_bits import coded_bits
from reelmill.ffmpeg.reading.decode_request import FrameRequest
from reelmill.ffmpeg.reading.frames.raster import WHOLE, Box, Raster, raster
from reelmill.ffmpeg.reading.probe import probe
from reelmill.ffmpeg.verify.detail_asked import LOSSES
from reelmill.ffmpeg.verify.film_segments import FilmSegment, in_step, shown_box, windows
from reelmill.ffmpeg.verify.matches.frames_match import Judge, least_distance
from reelmill.ffmpeg.verify.matches.noise_match import share_of_noise
from reelmill.ffmpeg.verify.matches.order_match import coding_noise, frames_late, misplaced
from reelmill.ffmpeg.verify.source_frames import FramesAbout, SourceFrame, SourceFrameReader, first_frame_time

#: In how many places it is looked at whether frames follow one another as in the source, and how many are compared.
_RUNS: Final = 3
_RUN: Final = 8
#: In so many of them, if there are as many, a copy is late by one frame that is late throughout.
_SAME_LAG: Final = 2
#: How far around a suspect the second comparison goes, in seconds, and how many frames it compares at most.
_REACH: Final = 0.35
_MOST: Final = 8
#: So many suspects of a kind that are confirmed vouch for the others.
_SURE: Final = 3
#: Of each moment there are so many frames of the film, the second being on show then.
_AROUND: Final = 3
#: Frames of film and source that show the same are at most so far apart, in frames of either.
_APART: Final = 1.5
#: How far around a suspect it is looked at what its encoder spent, in seconds: half of what buffers hold.
_SPENT_AROUND: Final = 1.0
#: The least that is taken for a frame's time, in seconds.
_SHORTEST: Final = 1 / 60


@dataclass(frozen=True)
class ExpectedFrame:
    """A frame of a source that the film must show, too."""

    segment: FilmSegment
    at: float  # in the source, in seconds from the start of its file
    raster: Raster
    shown: Box = WHOLE  # of the source's stored frame, what its container shows
    run: int | None = None  # the frames of a run follow one another; its first is compared alone, too
    in_step: bool = False  # the film has each frame of the run; else some of them, or those beside them

    @property
    def judge(self) -> Judge:
        """Who compares it."""
        beside = self.segment.retimed and not self.in_step  # the film may show another frame in its place
        return Judge(self.segment.mapped, 0.0 if beside else self.segment.detail.floor, self.segment.retimed)

    @property
    def request(self) -> FrameRequest:
        """When and where the film shows it."""
        return FrameRequest(max(0.0, self.segment.shown(self.at)), self.segment.box)


#: Frames of a source that follow one another, each with what the film shows around it.
Run = list[tuple[ExpectedFrame, Sequence[Raster]]]


def expected_frames(segments: Sequence[FilmSegment]) -> list[ExpectedFrame]:
    """Take frames spread over a film from its sources.

    Returns:
        They, in the order in which the film shows them.

    Raises:
        NotAVideo, FileMissing, InputError: a source does not open.
    """
    found = list[ExpectedFrame]()
    ordered = sorted(windows(segments), key=lambda window: (window.segment.path, window.begin))
    runs = 0
    for path, numbered in groupby(enumerate(ordered), key=lambda item: item[1].segment.path):
        with SourceFrameReader(path) as source:
            shown = shown_box(probe(path).video)
            for number, window in numbered:
                frame = source.within(window.begin, window.end)
                if frame is None:
                    continue
                if frame.frame.key_frame and runs <= number * _RUNS // len(ordered):
                    runs += 1
                    found += _run(source, window.segment, frame.at, number, shown)
                else:
                    found.append(ExpectedFrame(window.segment, frame.at, raster(frame.frame, shown), shown))
    return sorted(found, key=lambda expected: expected.request.at)


def _run(
    source: SourceFrameReader, segment: FilmSegment, begin: float, number: int, shown: Box
) -> Iterator[ExpectedFrame]:
    """Frames of a segment that follow one another from a keyframe on.

    Decoders give frames in the order in which they are shown. Where times go back all the same, they are guesses, as
    those of an AVI with frames between frames are.

    Yields:
        They; the first alone where their times are guesses, or the film need not show each of them and detail does not
        count either.
    """
    frames = [frame for frame in source.run(begin, _RUN) if frame.at < segment.end]
    timed = all(earlier.at < later.at for earlier, later in pairwise(frames))
    each = timed and (not segment.retimed or in_step(segment, [frame.at for frame in frames]))
    run = number if each or (timed and segment.detail.floor) else None
    for frame in frames if run is not None else frames[:1]:
        yield ExpectedFrame(segment, frame.at, raster(frame.frame, shown), shown, run, each)


def frame_faults(
    film: Path, frames: Sequence[ExpectedFrame], shown: Sequence[Sequence[Raster]], late: float
) -> Iterator[Finding]:
    """What is wrong with the frames of a film.

    Args:
        film: the file.
        frames: what ``expected_frames`` found.
        shown: what the film shows around each.
        late: how many seconds later than was thought the sources' frames begin.

    Yields:
        One of each kind, at the first frame that is so.
    """
    pairs = list(_singles(frames, shown))
    suspects = defaultdict[FindingKind, list[ExpectedFrame]](list)
    for expected, around in pairs:
        if (fault := expected.judge.fault(expected.raster, around)) is not None:
            suspects[fault].append(expected)
    confirmed = [found for kind, frames in suspects.items() for found in _confirmed(film, kind, frames, late)]
    for kind in dict.fromkeys(kind for _, kind in sorted(confirmed)):
        times = [at for at, other in confirmed if other is kind]
        yield Finding(kind, at=min(times), frames=len(times), compared=len(pairs))


def _singles(
    frames: Sequence[ExpectedFrame], shown: Sequence[Sequence[Raster]]
) -> Iterator[tuple[ExpectedFrame, Sequence[Raster]]]:
    """Frames that are compared alone, and what is shown around each: of a run its first."""
    seen = set[int | None]()
    for expected, around in zip(frames, shown, strict=True):
        if expected.run is None or expected.run not in seen:
            seen.add(expected.run)
            yield expected, around


def order_faults(
    frames: Sequence[ExpectedFrame], shown: Sequence[Sequence[Raster]], *, exact: bool = True
) -> Iterator[Finding]:
    """Whether frames are repeated, late or in another order, where a film has each of its source's.

    Args:
        frames: what ``expected_frames`` found.
        shown: what the film shows around each.
        exact: the film's times are the source's; else a frame may stand a little beside its own.

    Yields:
        One, at the first place where that is so.
    """
    runs = defaultdict[int, Run](list)
    for expected, around in zip(frames, shown, strict=True):
        whole = len(around) == _AROUND  # at both ends of a film there are fewer
        if whole and expected.in_step and expected.run is not None:
            runs[expected.run].append((expected, around))
    pairs = {
        number: ([expected.raster for expected, _ in run], [around[1] for _, around in run])
        for number, run in runs.items()
    }
    noise = coding_noise([*pairs.values()])
    lags = {number: frames_late(*pairs[number], noise) for number, run in runs.items() if not run[0][0].segment.retimed}
    if (late := _late_run(lags, exact=exact)) is not None:
        yield Finding(FindingKind.RETIMED, got=lags[late], at=runs[late][0][0].request.at)
        return
    for number, run in runs.items():
        wanted, retimed = pairs[number][0], run[0][0].segment.retimed
        # A film may have each frame one later or earlier, and slip by one where its rate is known to a thousandth.
        places = range(_AROUND) if retimed else (1,)
        if all(misplaced(wanted, [around[place] for _, around in run], int(retimed), noise) for place in places):
            yield Finding(FindingKind.MISPLACED, at=run[0][0].request.at)
            return


def _late_run(lags: Mapping[int, int | None], *, exact: bool) -> int | None:
    """The first run that is late, of the frames by which each is: by one only where all are that can be judged."""
    known = {number: lag for number, lag in lags.items() if lag is not None}
    same = exact and len(known) >= min(_SAME_LAG, len(lags)) and len(set(known.values())) == 1
    return next((number for number, lag in known.items() if abs(lag) > 1 or (same and lag)), None)


def _confirmed(
    film: Path, kind: FindingKind, suspects: Sequence[ExpectedFrame], late: float
) -> list[tuple[float, FindingKind]]:
    """Suspects that are wrong in a second comparison, too.

    Args:
        film: the file.
        kind: what seems wrong with them.
        suspects: the frames; where the first ones are wrong as was thought, the others need no second look.
        late: how many seconds later than was thought the sources' frames begin.

    Returns:
        The time of each in the film, and what is wrong.
    """
    found = list[tuple[float, FindingKind]]()
    for number, expected in enumerate(suspects):
        sure = number == len(found) >= _SURE and {fault for _, fault in found} == {kind}
        fault = kind if sure else _second_look(film, kind, expected, late)
        if fault is not None:
            found.append((expected.request.at - late, fault))
    return found


def _second_look(film: Path, kind: FindingKind, expected: ExpectedFrame, late: float) -> FindingKind | None:
    """What is wrong with a suspect of that kind where all around it is decoded, with care."""
    first, segment, at = first_frame_time(film), expected.segment, expected.request.at - late
    with SourceFrameReader(segment.path, exact=True) as source:
        about = FramesAbout(expected.at)
        wanted = [_Look.of_source(frame, expected.shown) for frame in about.passing(source.around(expected.at, _REACH))]
    if detail_is_explained(film, at + first, kind, expected, about.kept()):
        return None
    with SourceFrameReader(film, exact=True) as made:
        shown = made.around(at + first, 2 * _REACH)
        got = [_Look(frame.at - first, (raster(frame.frame, segment.box),)) for frame in shown]
    fault = _common_fault(expected, at, wanted[:: max(1, len(wanted) // _MOST)], got)
    if fault is None or (fault is not kind and detail_is_explained(film, at + first, fault, expected, about.kept())):
        return None
    return fault


class _Look(NamedTuple):
    """What is kept of a frame of many: a second of 4K would be 700 MB."""

    at: float
    ways: tuple[Raster, ...]  # in which it may be shown

    @classmethod
    def of_source(cls, frame: SourceFrame, box: Box) -> Self:
        """Of a frame that the film should show."""
        # What RGB does not hold may be kept, or be cut off as screens do: a change of matrix goes through RGB, and GIFs
        # are of it. The film is held to what it is nearer to.
        return cls(frame.at, (raster(frame.frame, box), raster(frame.frame, box, cut_off=True)))


def detail_is_explained(
    film: Path, at: float, fault: FindingKind, expected: ExpectedFrame, about: Sequence[SourceFrame]
) -> bool:
    """Whether what was asked of a film's encoder explains a fault, by what it spent and what the source shows.

    Args:
        film: the file.
        at: when, in seconds from the start of the film's file.
        fault: what seems wrong then.
        expected: the frame that it should show.
        about: the source's around it, see ``FramesAbout``.

    Returns:
        True where it does.
    """
    if fault not in LOSSES:
        return False
    fine = [raster(frame.frame, expected.shown).fine for frame in about]
    planes = [plane for plane in fine if plane is not None]
    noise = share_of_noise(planes[1], [planes[0], planes[2]]) if len(planes) == _AROUND else 0.0
    return expected.segment.detail.explains(fault, coded_bits(film, at, _SPENT_AROUND), noise)


def _common_fault(
    expected: ExpectedFrame, at: float, wanted: Sequence[_Look], got: Sequence[_Look]
) -> FindingKind | None:
    """What most of the frames around a suspect show."""
    near = _APART * max(_SHORTEST, _frame_length(wanted), _frame_length(got))
    found: Counter[FindingKind | None] = Counter()
    for frame in wanted:
        time = at + frame.at - expected.at
        around = [way for shown in got if abs(shown.at - time) <= near for way in shown.ways]
        if around:
            found[expected.judge.fault(_nearest(frame.ways, around), around)] += 1
    if not found:
        return None
    fault, count = found.most_common(1)[0]
    return fault if 2 * count > found.total() else None


def _nearest(ways: Sequence[Raster], around: Sequence[Raster]) -> Raster:
    return min(ways, key=lambda way: least_distance(way, around))


def _frame_length(frames: Sequence[_Look]) -> float:
    """Seconds that a frame stands, where that is known."""
    return (frames[-1].at - frames[0].at) / (len(frames) - 1) if len(frames) > 1 else 0.0
