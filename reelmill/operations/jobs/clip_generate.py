"""Clips: the best moments of a video, each a file of its own, in ``clips/``."""

from __future__ import annotations

import math
import time
import uuid
from fractions import Fraction
from pathlib import Path, PurePosixPath
from typing import Final

from pydantic import BaseModel, ConfigDict

from reelmill.analysis.scoring.selection import Segment, best_moments
from reelmill.catalogue.facts.product_sources import SourceSegment
from reelmill.errors import WrongParameter
from reelmill.ffmpeg.process.cost import Cost, total
from reelmill.ffmpeg.verify import Expectation
from reelmill.operations import size_estimates
from reelmill.operations.chunk_store.readable import ReadableVideo, open_video
from reelmill.operations.context import Workbench
from reelmill.operations.derived.analysis_cache import ANALYSIS
from reelmill.operations.derived.scored_video import scored_video
from reelmill.operations.films.film_result import FilmOutput, segment_images
from reelmill.operations.films.film_work import FilmWork
from reelmill.operations.films.segments import cut
from reelmill.operations.once import once
from reelmill.operations.publishing.publish import Product
from reelmill.operations.recipe import recipe
from reelmill.operations.result_card import ItemTable, ResultCard, cost_rows
from reelmill.parallel import FanOut, in_threads
from reelmill.queue.job_type import JobType
from reelmill.report import Share
from reelmill.storage.media_root import CLIPS
from reelmill.wording import clock, in_bytes, in_seconds, plural

JOB_TYPE: Final = JobType(folder=CLIPS)

#: How much of the work is finding what to take.
_LOOKING = 0.3


class Clip(BaseModel):
    """One clip; times are seconds of the source."""

    model_config = ConfigDict(frozen=True)

    video_id: uuid.UUID  # of the new record
    path: str
    start: float
    end: float
    score: float
    reason: str
    reused: bool
    size: int  # bytes
    cost: Cost | None = None  # of this run's encode; None where an earlier one had made it


class ClipsResult(BaseModel):
    """What was made."""

    model_config = ConfigDict(frozen=True)

    source: str
    clips: tuple[Clip, ...]
    seconds: float  # wall time of this run

    def run_cost(self) -> Cost | None:
        """See ``EncodingResult.run_cost``."""
        return total([clip.cost for clip in self.clips if clip.cost is not None])

    def result_card(self) -> ResultCard:
        """The result for people: a row for each clip, and why it was taken."""
        before = sum(clip.reused for clip in self.clips)
        rows = tuple(
            (clip.path, clock(clip.start), in_seconds(clip.end - clip.start), in_bytes(clip.size), clip.reason)
            for clip in self.clips
        )
        made = plural(len(self.clips), "clip")
        return ResultCard(
            title=f"{made} of {self.source}, {in_bytes(sum(clip.size for clip in self.clips))}",
            rows=(("time", in_seconds(self.seconds)), *cost_rows(self.run_cost())),
            notes=(f"{before} of {made} were made by an earlier run and are still good",) if before else (),
            table=ItemTable(("clip", "at", "length", "size", "taken because"), rows),
            images=segment_images(self.source, "each clip", [(clip.start + clip.end) / 2 for clip in self.clips]),
        )


def clip_generate(
    bench: Workbench, video_id: str, *, count: int = 5, length: float = 15, fan_out: FanOut = in_threads
) -> ClipsResult:
    """Cut the best moments out of a video.

    Args:
        bench: what to work with.
        video_id: which video.
        count: how many; fewer where the video is too short for so many.
        length: of each, seconds; a shorter video is taken whole.
        fan_out: runs the analysis of each range, here or elsewhere.

    Returns:
        The clips, in story order, and what this run spent on each.

    Raises:
        UnknownVideo, InputError: the source cannot be used.
        WrongParameter: the length or the count makes no sense.
        GpuBusy, FfmpegFailed, ProcessStalled, DiskFull, OutputRejected: an encode went wrong; the clips before it
            stand.
    """
    started = time.monotonic()
    if not 0 < length < math.inf or count < 1:
        reason = f"{count} clips of {length:g} s cannot be made; ask for at least one of more than 0 s."
        raise WrongParameter(reason, *(("length", length) if count > 0 else ("count", count)))
    opened = open_video(bench, video_id)
    bench.transcoder.require_tone_mapping(opened.info)
    video = scored_video(bench, opened.video, opened.path, opened.info, fan_out)
    each = Fraction(length).limit_denominator(1000)
    chosen = best_moments(video, count, each)
    if len(chosen) < count:
        bench.report.line(
            f"of {plural(count, 'clip')} of {length:g} s, {len(chosen)} fit into {in_seconds(float(video.duration))}"
        )
    clips = []
    for number, segment in enumerate(chosen):
        done = [_LOOKING + (1 - _LOOKING) * n / len(chosen) for n in (number, number + 1)]
        clips.append(_clip(bench, opened, segment, Share(bench.report, *done)))
        bench.report.line(f"output: {clips[-1].path}, {clips[-1].size} bytes: {segment.reason}")
    bench.report.progress(1.0, "done")
    return ClipsResult(source=opened.video.path, clips=tuple(clips), seconds=time.monotonic() - started)


def _clip(bench: Workbench, opened: ReadableVideo, segment: Segment, report: Share) -> Clip:
    video, encoding = opened.video, bench.transcoder.default_encoding()
    bounds = (segment.start, segment.end)
    at = f"{int(segment.start) // 60:02}m{int(segment.start) % 60:02}s"
    settings = {"start": str(bounds[0]), "end": str(bounds[1]), "analysis": ANALYSIS}
    key = recipe("clip", [opened.content], encoding, **settings)
    product = Product(
        path=f"{JOB_TYPE.folder}/{PurePosixPath(video.filename).stem} {at}.mp4",
        recipe=key,
        expected=Expectation(),
        title=f"{video.title} ({at})",
        sources=(SourceSegment.whole(video),),
        details={"start": float(bounds[0]), "end": float(bounds[1]), "reason": segment.reason},
    )

    def make_film(folder: Path) -> FilmOutput:
        return cut(FilmWork(bench, encoding, folder, product), opened, [bounds], report)

    room = size_estimates.montage(opened.info, segment.length, encoding, bench.chunk_seconds)
    film = once(bench, key, make_film, FilmOutput, to=product.destination, room=room)
    return Clip(
        video_id=film.video.id,
        path=film.video.path,
        start=float(bounds[0]),
        end=float(bounds[1]),
        score=round(segment.score, 4),
        reason=segment.reason,
        reused=film.cost is None,
        size=film.video.size,
        cost=film.cost,
    )
