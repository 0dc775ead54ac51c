"""Digest: the best segments of a video in story order, in ``digests/``."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction
from pathlib import Path, PurePosixPath
from typing import Final

from pydantic import BaseModel, ConfigDict

from reelmill.analysis.scoring.selection import Segment, best_segments, even_segments
from reelmill.catalogue.facts.product_sources import SourceSegment
from reelmill.catalogue.models import Video
from reelmill.errors import WrongParameter
from reelmill.ffmpeg.verify import Expectation
from reelmill.operations import size_estimates
from reelmill.operations.chunk_store.readable import ReadableVideo, open_video
from reelmill.operations.context import Workbench
from reelmill.operations.derived.analysis_cache import ANALYSIS
from reelmill.operations.derived.scored_video import scored_video
from reelmill.operations.films.film_result import (
    FilmOutput,
    FilmResult,
    report_film,
    segment_images,
    skipped_film,
    why_left_whole,
)
from reelmill.operations.films.film_work import FilmWork
from reelmill.operations.films.segments import cut
from reelmill.operations.once import once
from reelmill.operations.publishing.preflight import Destination
from reelmill.operations.publishing.publish import Product
from reelmill.operations.recipe import recipe
from reelmill.operations.result_card import ItemTable, ResultCard
from reelmill.parallel import FanOut, in_threads
from reelmill.queue.job_type import JobType
from reelmill.report import Share
from reelmill.storage.media_root import DIGESTS
from reelmill.wording import clock, in_seconds, plural

JOB_TYPE: Final = JobType(folder=DIGESTS)

#: How hard x264 tries. The encode is most of the job; against ``medium`` a third of its CPU is saved, for the same size
#: and 0.2 points of VMAF (97.1 for 97.3, on the bench film).
_PRESET: Final = "faster"


class DigestSegment(BaseModel):
    """One segment of a digest, in seconds of the source."""

    model_config = ConfigDict(frozen=True)

    start: float
    end: float
    score: float
    reason: str


class Choice(BaseModel):
    """What a digest is made of; kept with its record."""

    model_config = ConfigDict(frozen=True)

    scenes: int  # of the source
    segments: tuple[DigestSegment, ...]


class DigestResult(FilmResult):
    """What was made."""

    source: str
    target_length: float
    scenes: int
    segments: tuple[DigestSegment, ...]
    analysis: str

    def result_card(self) -> ResultCard:
        """The result for people: what was taken, and why."""
        rows = tuple((clock(one.start), in_seconds(one.end - one.start), one.reason) for one in self.segments)
        film = self.film_result_card(f"A digest of {self.source}")
        if self.skipped is not None:
            return film
        return replace(
            film,
            rows=(*film.rows, ("taken from", f"{self.source}, {plural(self.scenes, 'scene')}")),
            table=ItemTable(("at", "length", "taken because"), rows),
            images=segment_images(self.source, self.path, [one.start for one in self.segments]),
        )


def digest(
    bench: Workbench,
    video_id: str,
    *,
    target_length: float = 60,
    include_highlights: bool = True,
    fan_out: FanOut = in_threads,
) -> DigestResult:
    """Cut a video down to ``target_length`` seconds.

    Args:
        bench: what to work with.
        video_id: which video.
        target_length: seconds; of a video no longer than that nothing is made.
        include_highlights: take the best segments; else spread them evenly over the scenes.
        fan_out: runs the analysis of each range, here or elsewhere.

    Returns:
        The film, made now or found made, and its segments; or why there is none.

    Raises:
        UnknownVideo, InputError: the source cannot be used.
        WrongParameter: the length makes no sense.
        GpuBusy, FfmpegFailed, ProcessStalled, DiskFull, OutputRejected: the encode went wrong; nothing was published.
    """
    started = time.monotonic()
    if not 0 < target_length < math.inf:
        reason = f"A digest of {target_length:g} s cannot be made; ask for more than 0."
        raise WrongParameter(reason, "target_length", target_length)
    opened = open_video(bench, video_id)
    target = Fraction(target_length).limit_denominator(1000)
    if why := why_left_whole(opened.info, target):
        return _result(opened, target_length, skipped_film(bench.report, opened.video, why, started))
    bench.transcoder.require_tone_mapping(opened.info)
    encoding = replace(bench.transcoder.default_encoding(), preset=_PRESET)
    settings = {"target": str(target), "highlights": include_highlights, "analysis": ANALYSIS}
    key = recipe("digest", [opened.content], encoding, **settings)

    def make_film(folder: Path) -> FilmOutput:
        scenes, segments = _choose(bench, opened, target, include_highlights, fan_out)
        product = _product(opened.video, scenes, segments, key)
        ranges = [(segment.start, segment.end) for segment in segments]
        share = Share(bench.report, 0.4, 0.95)
        return cut(FilmWork(bench, encoding, folder, product), opened, ranges, share)

    room = size_estimates.montage(opened.info, target, encoding, bench.chunk_seconds)
    film = once(bench, key, make_film, FilmOutput, to=Destination(_path(opened.video)), room=room)
    choice = Choice.model_validate(film.video.details)
    return _result(opened, target_length, report_film(bench.report, film, started), choice)


def _result(
    opened: ReadableVideo, target_length: float, film: FilmResult, choice: Choice | None = None
) -> DigestResult:
    choice = choice or Choice(scenes=0, segments=())
    return DigestResult(
        source=opened.video.path, target_length=target_length, analysis=ANALYSIS, **vars(choice), **vars(film)
    )


def _choose(
    bench: Workbench, opened: ReadableVideo, target: Fraction, highlights: bool, fan_out: FanOut
) -> tuple[int, list[Segment]]:
    """How many scenes the video has, and the segments to show."""
    video = scored_video(bench, opened.video, opened.path, opened.info, fan_out)
    bench.report.progress(0.4, f"{plural(len(video.scenes), 'scene')} found")
    chosen = best_segments(video, target) if highlights else even_segments(video, target)
    for segment in chosen:
        bench.report.line(f"taken: {float(segment.start):.1f} to {float(segment.end):.1f} s: {segment.reason}")
    return len(video.scenes), chosen


def _path(video: Video) -> str:
    return f"{JOB_TYPE.folder}/{PurePosixPath(video.filename).stem}-digest.mp4"


def _product(video: Video, scenes: int, segments: Sequence[Segment], key: str) -> Product:
    choice = Choice(
        scenes=scenes,
        segments=tuple(
            DigestSegment(start=float(s.start), end=float(s.end), score=round(s.score, 4), reason=s.reason)
            for s in segments
        ),
    )
    return Product(
        path=_path(video),
        recipe=key,
        expected=Expectation(),
        title=f"{video.title} (digest)",
        sources=(SourceSegment.whole(video),),
        details=choice.model_dump(mode="json"),
    )
