"""Highlights: the best moments of a video faded into one another, its audio levelled, in ``highlights/``."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import pairwise
from pathlib import Path, PurePosixPath
from typing import Final

from pydantic import BaseModel, ConfigDict

from reelmill.analysis.scoring.selection import Segment, best_segments
from reelmill.catalogue.facts.product_sources import SourceSegment
from reelmill.catalogue.models import Video
from reelmill.errors import WrongParameter
from reelmill.ffmpeg.commands import montage
from reelmill.ffmpeg.commands.montage import Montage, TimeRange
from reelmill.ffmpeg.geometry import web_size
from reelmill.ffmpeg.reading.audio.audio_jitter import with_jitter
from reelmill.ffmpeg.reading.audio.loudness import integrated_loudness
from reelmill.ffmpeg.reading.probe import MediaInfo
from reelmill.ffmpeg.reading.seeking import seek_points
from reelmill.ffmpeg.verify import Expectation
from reelmill.operations import size_estimates
from reelmill.operations.chunk_store.film_chunks import Film, FrameSequence, film_chunks
from reelmill.operations.chunk_store.readable import ReadableVideo, open_video
from reelmill.operations.context import Workbench
from reelmill.operations.derived.analysis_cache import ANALYSIS
from reelmill.operations.derived.scored_video import scored_video
from reelmill.operations.films import film_sources
from reelmill.operations.films.film_result import (
    FilmOutput,
    FilmResult,
    report_film,
    segment_images,
    skipped_film,
    why_left_whole,
)
from reelmill.operations.films.film_segments import of_intervals
from reelmill.operations.films.film_work import FilmWork
from reelmill.operations.films.segments import expected_of_one
from reelmill.operations.films.sequence_plan import gain
from reelmill.operations.once import once
from reelmill.operations.publishing.preflight import Destination
from reelmill.operations.publishing.publish import Product
from reelmill.operations.recipe import recipe
from reelmill.operations.result_card import ItemTable, ResultCard
from reelmill.parallel import FanOut, in_threads
from reelmill.queue.job_type import JobType
from reelmill.report import Share
from reelmill.storage.media_root import HIGHLIGHTS
from reelmill.wording import clock, in_seconds, plural

JOB_TYPE: Final = JobType(folder=HIGHLIGHTS)

#: How long one moment fades into the next, seconds.
FADE: Final = Fraction(1, 2)


class Moment(BaseModel):
    """One moment; times are seconds of the source, half of each fade included."""

    model_config = ConfigDict(frozen=True)

    start: float
    end: float
    score: float
    reason: str


class Moments(BaseModel):
    """What is kept with the record."""

    model_config = ConfigDict(frozen=True)

    moments: tuple[Moment, ...]


class HighlightResult(FilmResult):
    """What was made."""

    source: str
    moments: tuple[Moment, ...]

    def result_card(self) -> ResultCard:
        """The result for people: what was taken, and why."""
        rows = tuple((clock(one.start), in_seconds(one.end - one.start), one.reason) for one in self.moments)
        film = self.film_result_card(f"A film of the best {plural(len(self.moments), 'moment')} of {self.source}")
        if self.skipped is not None:
            return film
        return replace(
            film,
            table=ItemTable(("at", "length", "taken because"), rows),
            images=segment_images(self.source, self.path, [(one.start + one.end) / 2 for one in self.moments]),
        )


def highlight_generate(
    bench: Workbench, video_id: str, *, length: float = 90, fan_out: FanOut = in_threads
) -> HighlightResult:
    """Make a film of the best moments of a video.

    Args:
        bench: what to work with.
        video_id: which video.
        length: of the film, seconds; of a video no longer than that nothing is made.
        fan_out: runs the analysis of each range, here or elsewhere.

    Returns:
        The film, made now or found made, and its moments; or why there is none.

    Raises:
        UnknownVideo, InputError: the source cannot be used.
        WrongParameter: the length makes no sense.
        GpuBusy, FfmpegFailed, ProcessStalled, DiskFull, OutputRejected: the encode went wrong; nothing was published.
    """
    started = time.monotonic()
    if not 0 < length < math.inf:
        raise WrongParameter(f"Highlights of {length:g} s cannot be made; ask for more than 0.", "length", length)
    opened = open_video(bench, video_id)
    target = Fraction(length).limit_denominator(1000)
    if why := why_left_whole(opened.info, target):
        film = skipped_film(bench.report, opened.video, why, started)
        return HighlightResult(source=opened.video.path, moments=(), **vars(film))
    bench.transcoder.require_tone_mapping(opened.info)
    encoding = bench.transcoder.default_encoding()
    key = recipe("highlights", [opened.content], encoding, target=str(target), analysis=ANALYSIS)

    def make_film(folder: Path) -> FilmOutput:
        chosen = _choose(bench, opened, target, fan_out)
        return _publish_film(FilmWork(bench, encoding, folder, _product(opened.video, key)), opened, chosen)

    room = size_estimates.montage(opened.info, target, encoding, bench.chunk_seconds)
    made = once(bench, key, make_film, FilmOutput, to=Destination(_path(opened.video)), room=room)
    moments = Moments.model_validate(made.video.details).moments
    return HighlightResult(source=opened.video.path, moments=moments, **vars(report_film(bench.report, made, started)))


def _choose(bench: Workbench, opened: ReadableVideo, target: Fraction, fan_out: FanOut) -> list[Segment]:
    video = scored_video(bench, opened.video, opened.path, opened.info, fan_out)
    chosen = best_segments(video, target)
    for segment in chosen:
        bench.report.line(f"taken: {float(segment.start):.1f} to {float(segment.end):.1f} s: {segment.reason}")
    return chosen


def overlapped(segments: Sequence[Segment], rate: Fraction) -> tuple[list[TimeRange], list[int]]:
    """Moments that lend those beside them half a fade, so that the film is as long as they are; and each fade's frames.

    Pure. A fade is shorter where the first moment has not as much before it, or the next not as much after it.

    Args:
        segments: in story order, none overlapping.
        rate: frames per second of the film.

    Returns:
        Start and end of each, in seconds of the video; and frames of each fade.
    """
    ranges = [(segment.start, segment.end) for segment in segments]
    fades = []
    for index, (before, after) in enumerate(pairwise(segments)):
        least = min(before.length, after.length) / 2
        half = math.floor(min(FADE, least) / 2 * rate)  # frames
        fades.append(2 * half)
        ranges[index] = (ranges[index][0], before.end + half / rate)
        ranges[index + 1] = (after.start - half / rate, after.end)
    return ranges, fades


def _path(video: Video) -> str:
    return f"{JOB_TYPE.folder}/{PurePosixPath(video.filename).stem}-highlights.mp4"


def _product(video: Video, key: str) -> Product:
    return Product(
        path=_path(video),
        recipe=key,
        expected=Expectation(),
        title=f"{video.title} (highlights)",
        sources=(SourceSegment.whole(video),),
    )


def _publish_film(work: FilmWork, opened: ReadableVideo, chosen: Sequence[Segment]) -> FilmOutput:
    source, info, key = opened.path, opened.info, work.product.recipe
    rate = montage.rate_of(info)
    ranges, fades = overlapped(chosen, rate)
    counts = [max(1, round((end - start) * rate)) for start, end in ranges]
    frames = sum(counts) - sum(fades)
    change = gain(integrated_loudness(source, info.audio[0].index)) if info.audio_tracks else 0.0
    moments = tuple(
        Moment(start=float(start), end=float(end), score=round(segment.score, 4), reason=segment.reason)
        for (start, end), segment in zip(ranges, chosen, strict=True)
    )
    segments = of_intervals(opened, ranges, counts, work.encoding, fades, change)
    work = work.made_of(film_sources.of_intervals(opened.video, ranges, counts, rate, fades))
    expected = expected_of_one(info, frames / rate, frames, segments)
    staged, details = work.folder / "output.mp4", Moments(moments=moments).model_dump(mode="json")
    with film_chunks(work.bench, key, work.folder) as chunks:
        faded = _FadedFilm(source, info, tuple(ranges), tuple(fades), change)
        film = faded.film(recipe("faded", job=key, spans=ranges, fades=fades), frames)
        points = chunks.film(film, work.encoding, staged, Share(work.bench.report, 0.4, 0.95))
        expected = replace(expected, points=points)
        return work.publish(staged, expected, chunks, opened.video.size, details)


@dataclass(frozen=True)
class _FadedFilm:
    """Moments of a video that fade into one another."""

    source: Path
    info: MediaInfo
    ranges: tuple[TimeRange, ...]
    fades: tuple[int, ...]  # frames of each
    change: float  # of the audio, in dB

    def film(self, of: str, frames: int) -> Film:
        """The film that they are.

        Args:
            of: a recipe of what is seen and heard.
            frames: of the film.

        Returns:
            Its frames and its audio, and how both are made in one go.
        """
        source, ranges, fades, change = self.source, self.ranges, self.fades, self.change
        info = with_jitter(source, self.info)
        cuts = Montage(source, info, ranges, seek_points(source, [start for start, _ in ranges]), fades)
        seen = FrameSequence(
            name="the film",
            of=of,
            frames=frames,
            rate=cuts.rate,
            size=web_size(info),
            graph=lambda first: montage.faded_frames(cuts, first),
            options=montage.tags(info),
        )
        heard = montage.faded_audio(cuts, change) if info.audio_tracks else None
        return Film(seen, heard, lambda way, target, points: montage.faded(cuts, target, way, change, points))
