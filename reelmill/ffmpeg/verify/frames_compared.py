"""Frames of a film compared with those of the videos it was made of: a few at first, then suspects again.

The first comparison is cheap: keyframes of the source, and frames of the film that are decoded for its proof anyway.
A frame in which something seems wrong is compared again, with all that is shown around it, decoded with care; only what
is wrong in most of that counts.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Final

from reelmill.ffmpeg.finding import Finding, FindingKind
from reelmill.ffmpeg.reading.decode_request import FrameRequest
from reelmill.ffmpeg.reading.raster import WHOLE, Raster, raster
from reelmill.ffmpeg.verify.film_segments import FilmSegment, windows
from reelmill.ffmpeg.verify.frames_match import Judge
from reelmill.ffmpeg.verify.source_frames import SourceFrame, SourceFrameReader, first_frame_time

#: How far around a suspect the second comparison goes, in seconds, and how many frames it compares at most.
_REACH: Final = 0.35
_MOST: Final = 8
#: Frames of film and source that show the same are at most so far apart, in frames of either.
_APART: Final = 1.5
#: The least that is taken for a frame's time, in seconds.
_SHORTEST: Final = 1 / 60


@dataclass(frozen=True)
class ExpectedFrame:
    """A frame of a source that the film must show, too."""

    segment: FilmSegment
    at: float  # in the source, in seconds from the start of its file
    raster: Raster

    @property
    def request(self) -> FrameRequest:
        """When and where the film shows it."""
        return FrameRequest(max(0.0, self.segment.shown(self.at)), self.segment.box)


def expected_frames(segments: Sequence[FilmSegment]) -> list[ExpectedFrame]:
    """Take frames spread over a film from its sources.

    Returns:
        They, in the order in which the film shows them.

    Raises:
        NotAVideo, FileMissing, InputError: a source does not open.
    """
    found = []
    ordered = sorted(windows(segments), key=lambda window: (window.segment.path, window.begin))
    for path, windows_of_path in groupby(ordered, key=lambda window: window.segment.path):
        with SourceFrameReader(path) as source:
            for window in windows_of_path:
                frame = source.within(window.begin, window.end)
                if frame is not None:
                    found.append(ExpectedFrame(window.segment, frame.at, raster(frame.frame)))
    return sorted(found, key=lambda expected: expected.request.at)


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
    suspects = [
        expected
        for expected, around in zip(frames, shown, strict=True)
        if Judge(expected.segment.mapped).fault(expected.raster, around) is not None
    ]
    confirmed = list(_confirmed(film, suspects, late))
    for kind in dict.fromkeys(kind for _, kind in confirmed):
        times = [at for at, other in confirmed if other is kind]
        yield Finding(kind, at=times[0], frames=len(times), compared=len(frames))


def _confirmed(film: Path, suspects: Iterable[ExpectedFrame], late: float) -> Iterator[tuple[float, FindingKind]]:
    """Suspects that are wrong in a second comparison, too, with the time in the film."""
    first = first_frame_time(film)
    for expected in suspects:
        segment, at = expected.segment, expected.request.at - late
        with SourceFrameReader(segment.path, exact=True) as source:
            wanted = _thinned(source.around(expected.at, _REACH))
        with SourceFrameReader(film, exact=True) as made:
            got = [SourceFrame(frame.at - first, frame.frame) for frame in made.around(at + first, 2 * _REACH)]
        fault = _common_fault(expected, at, wanted, got)
        if fault is not None:
            yield at, fault


def _thinned(frames: Sequence[SourceFrame]) -> Sequence[SourceFrame]:
    return frames[:: max(1, len(frames) // _MOST)]


def _common_fault(
    expected: ExpectedFrame, at: float, wanted: Sequence[SourceFrame], got: Sequence[SourceFrame]
) -> FindingKind | None:
    """What most of the frames around a suspect show."""
    judge, near = Judge(expected.segment.mapped), _APART * max(_SHORTEST, _frame_length(wanted), _frame_length(got))
    small = [(frame.at, raster(frame.frame, expected.segment.box)) for frame in got]
    found: Counter[FindingKind | None] = Counter()
    for frame in wanted:
        time = at + frame.at - expected.at
        around = [shown for other, shown in small if abs(other - time) <= near]
        if around:
            found[judge.fault(raster(frame.frame, WHOLE), around)] += 1
    if not found:
        return None
    fault, count = found.most_common(1)[0]
    return fault if 2 * count > found.total() else None


def _frame_length(frames: Sequence[SourceFrame]) -> float:
    """Seconds that a frame stands, where that is known."""
    return (frames[-1].at - frames[0].at) / (len(frames) - 1) if len(frames) > 1 else 0.0
