"""Detail and order of films whose frames are not each one of their source's: GIFs, and videos shown at another rate.

Which frame such a film shows at a moment is not known, and one that is beside it has its detail elsewhere. So some that
follow one another are compared with all that the film shows then, and what is most alike counts.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from reelmill.ffmpeg.finding import Finding, FindingKind
from reelmill.ffmpeg.reading.frames.raster import Planes, Raster, raster
from reelmill.ffmpeg.reading.probe import probe
from reelmill.ffmpeg.verify.frames_compared import ExpectedFrame, Run, detail_is_explained
from reelmill.ffmpeg.verify.matches.detail_match import most_kept
from reelmill.ffmpeg.verify.matches.order_match import out_of_order
from reelmill.ffmpeg.verify.source_frames import FramesAbout, SourceFrameReader, first_frame_time

#: How far around a suspect all of the film is compared, in seconds, and how much farther all of its source: a film of
#: three frames a second shows each for a third.
_REACH: Final = 0.2
_BESIDE: Final = 0.4


def faults_beside(
    film: Path, frames: Sequence[ExpectedFrame], shown: Sequence[Sequence[Raster]], late: float
) -> Iterator[Finding]:
    """Whether a film keeps the detail and the order of its source, where it need not show each of its frames.

    Args:
        film: the file.
        frames: what ``expected_frames`` found.
        shown: what the film shows around each.
        late: how many seconds later than was thought the sources' frames begin.

    Yields:
        One, at the first place where it does not.
    """
    runs = defaultdict[int, Run](list)
    for expected, around in zip(frames, shown, strict=True):
        if expected.run is not None and not expected.in_step and not expected.segment.mapped:
            runs[expected.run].append((expected, around))
    for run in runs.values():
        first = run[0][0]
        if _kept(film, run) < first.segment.detail.floor and _is_coarse(film, first, late):
            yield Finding(FindingKind.COARSE, at=first.request.at - late, frames=1, compared=len(runs))
            return
        if out_of_order([one.raster for one, _ in run], _shown(run)):
            yield Finding(FindingKind.MISPLACED, at=first.request.at - late)
            return


def _kept(film: Path, run: Run) -> float:
    """What is kept by what was decoded for the first comparison."""
    expected = run[0][0]
    return most_kept(_fine([one.raster for one, _ in run]), _fine(_shown(run)), _side(film, expected))


def _shown(run: Run) -> list[Raster]:
    """What a film shows during a run, each frame once; of frames that are the same the first."""
    return list(dict.fromkeys(shown for _, around in run for shown in around))


def _is_coarse(film: Path, expected: ExpectedFrame, late: float) -> bool:
    """Whether too little is kept where all around a frame is decoded, with care, and nothing explains it."""
    first, at = first_frame_time(film), expected.request.at - late
    with SourceFrameReader(expected.segment.path, exact=True) as source:
        about = FramesAbout(expected.at)
        frames = about.passing(source.around(expected.at, _REACH + _BESIDE))
        wanted = [raster(one.frame, expected.shown, cut_off=cut_off) for one in frames for cut_off in (False, True)]
    with SourceFrameReader(film, exact=True) as made:
        got = [raster(one.frame, expected.segment.box) for one in made.around(at + first, _REACH)]
    if not got or most_kept(_fine(wanted), _fine(got), _side(film, expected)) >= expected.segment.detail.floor:
        return False
    return not detail_is_explained(film, at + first, FindingKind.COARSE, expected, about.kept())


def _fine(rasters: Sequence[Raster]) -> list[Planes]:
    return [fine for one in rasters if (fine := one.fine) is not None]


def _side(film: Path, expected: ExpectedFrame) -> int:
    """Pixels that both have of the shorter side."""
    made, source, box = probe(film).video, probe(expected.segment.path).video, expected.segment.box
    return round(min(made.width * box.width, made.height * box.height, source.width, source.height))
