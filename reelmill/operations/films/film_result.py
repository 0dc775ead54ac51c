"""What a job that puts a film together reports at its end, and returns."""

from __future__ import annotations

import time
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from fractions import Fraction

from reelmill.catalogue.models import Video
from reelmill.ffmpeg.process.cost import Cost
from reelmill.ffmpeg.reading.probe import MediaInfo
from reelmill.operations.chunk_store.film_chunks import Effort
from reelmill.operations.file_facts import FileFacts
from reelmill.operations.result_card import ResultCard, ResultImage, chunk_rows, cost_rows
from reelmill.report import Report
from reelmill.wording import clock, in_bytes, in_seconds


@dataclass(frozen=True)
class FilmOutput:
    """A film in the library; with its record alone, one that an earlier run made."""

    video: Video
    cost: Cost | None = None  # of this run; None where an earlier one had made it
    effort: Effort = field(default_factory=Effort)  # of this run


class FilmResult(Effort):
    """The film; the result of each job adds to it."""

    video_id: uuid.UUID  # of the new record
    path: str
    reused: bool  # an earlier run had made it
    duration: float  # seconds
    seconds: float  # wall time of this run
    size: int  # bytes
    cost: Cost | None = None  # of this run; None where an earlier one had made it
    made: FileFacts | None = None  # the film; None in results of before it was kept
    skipped: str | None = None  # why nothing was made; all else is then of the source

    def run_cost(self) -> Cost | None:
        """See ``EncodingResult.run_cost``."""
        return self.cost

    def film_result_card(self, what: str) -> ResultCard:
        """What the result cards of all films have in common.

        Args:
            what: the film is, as the beginning of a sentence.

        Returns:
            The result card, with a frame from half-way.
        """
        if self.skipped is not None:
            return ResultCard(title=f"{self.path} was left as it is: {self.skipped}")
        film = f"{self.path}, {clock(self.duration)}, {in_bytes(self.size)}"
        title = f"{what} was made before: {film}" if self.reused else f"{what} was made: {film}"
        return ResultCard(
            title=title if self.reused else f"{title}, in {in_seconds(self.seconds)}",
            rows=(
                ("made", str(self.made) if self.made is not None else self.path),
                ("time", in_seconds(self.seconds)),
                *cost_rows(self.cost),
                *chunk_rows(self.chunks, self.chunks_reused),
            ),
            notes=("an earlier run had made it and it is still good",) if self.reused else (),
            images=(ResultImage(self.path, f"{self.path}, half-way", (self.duration / 2,)),),
        )


def segment_images(source: str, film: str, times: Sequence[float]) -> tuple[ResultImage, ...]:
    """A frame of each segment of ``source``, at these seconds, that ``film`` is made of."""
    return (ResultImage(source, f"what {film} is made of", tuple(times)),) if times else ()


def report_film(report: Report, film: FilmOutput, started: float) -> FilmResult:
    """Report that a film is done.

    Args:
        report: where that goes.
        film: made by this run, or found.
        started: when this run began, by ``time.monotonic``.

    Returns:
        The part of the job's result that all films have in common.
    """
    report.line(f"output: {film.video.path}, {film.video.size} bytes")
    report.progress(1.0, "done")
    return FilmResult(
        video_id=film.video.id,
        path=film.video.path,
        reused=film.cost is None,
        duration=film.video.duration or 0.0,
        seconds=time.monotonic() - started,
        size=film.video.size,
        cost=film.cost,
        made=FileFacts.of(film.video),
        **vars(film.effort),
    )


def why_left_whole(info: MediaInfo, wanted: Fraction) -> str | None:
    """Why a video is not cut down to ``wanted`` seconds: it is no longer than that. None where it is, or may be."""
    length = info.video.duration or info.duration
    if length is None or length > wanted:
        return None
    return f"it lasts {float(length):.1f} s, no longer than the {float(wanted):g} s asked for; ask for less"


def skipped_film(report: Report, video: Video, why: str, started: float) -> FilmResult:
    """Report that nothing is made of a video.

    Args:
        report: where that goes.
        video: the source, which the result is about.
        why: nothing is made of it.
        started: when this run began, by ``time.monotonic``.

    Returns:
        The part of the job's result that all films have in common.
    """
    report.line(f"nothing is made of {video.path}: {why}")
    report.progress(1.0, "done")
    return FilmResult(
        video_id=video.id,
        path=video.path,
        reused=False,
        duration=video.duration or 0.0,
        seconds=time.monotonic() - started,
        size=video.size,
        skipped=why,
    )
