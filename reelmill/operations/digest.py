"""Digest: the best stretches of a video in story order, in ``digests/``."""

from __future__ import annotations

import math
import time
from dataclasses import replace
from fractions import Fraction
from pathlib import Path, PurePosixPath
from typing import Final

from pydantic import BaseModel, ConfigDict

from reelmill.analysis import transitions
from reelmill.analysis.scoring import explain, scores
from reelmill.analysis.selection import Segment, best, spread
from reelmill.catalogue.models import Video
from reelmill.errors import UserError
from reelmill.fan_out import FanOut, threads
from reelmill.ffmpeg import build
from reelmill.ffmpeg.cost import Cost
from reelmill.ffmpeg.probe import MediaInfo
from reelmill.ffmpeg.verify import Expectation
from reelmill.layout import DIGESTS
from reelmill.operations import room
from reelmill.operations.analysis import ANALYSIS, signals_of, transitions_of
from reelmill.operations.cut import cut
from reelmill.operations.outcome import Outcome, outcome
from reelmill.operations.parts import Effort
from reelmill.operations.publish import Product, existing
from reelmill.operations.workbench import Workbench, fingerprint, open_video, recipe
from reelmill.operations.workspace import workspace
from reelmill.report import Part

#: How hard x264 tries. The encode is most of the job; against ``medium`` a third of its CPU is saved, for the same size
#: and 0.2 points of VMAF (97.1 for 97.3, on the bench film).
_PRESET: Final = "faster"


class DigestSegment(BaseModel):
    """One stretch of a digest, in seconds of the source."""

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


class DigestResult(Outcome):
    """What was made."""

    source: str
    target_length: float
    scenes: int
    segments: tuple[DigestSegment, ...]
    analysis: str


def digest(
    bench: Workbench,
    video_id: str,
    *,
    target_length: float = 60,
    include_highlights: bool = True,
    fan_out: FanOut = threads,
) -> DigestResult:
    """Cut a video down to ``target_length`` seconds.

    Args:
        bench: what to work with.
        video_id: which video.
        target_length: seconds; a shorter video is taken whole.
        include_highlights: take the best stretches; else spread them evenly over the scenes.
        fan_out: runs the analysis of each range, here or elsewhere.

    Raises:
        UnknownVideo, InputError: the source cannot be used.
        UserError: the length makes no sense.
        GpuBusy, FfmpegFailed, Stalled, DiskFull, OutputRejected: the encode went wrong; nothing was published.
    """
    started = time.monotonic()
    if not 0 < target_length < math.inf:
        raise UserError(f"A digest of {target_length:g} s cannot be made; ask for more than 0.")
    taken = open_video(bench, video_id)
    video, source, info = taken.video, taken.path, taken.info
    bench.transcoder.require_tone_mapping(info)
    target = Fraction(target_length).limit_denominator(1000)
    h264 = replace(bench.transcoder.h264(), preset=_PRESET)
    key = recipe(
        "digest",
        [fingerprint(video, source)],
        target=str(target),
        highlights=include_highlights,
        analysis=ANALYSIS,
        **h264.options(),
    )
    with workspace(bench.root, key, bench.report) as folder:
        made = existing(bench, key)
        cost, effort = None, Effort()
        if made is None:
            bench.disk.require(room.montage(info, target, h264, bench.chunk_seconds))
            chosen = _choose(bench, video, source, info, target, include_highlights, fan_out)
            made, cost, effort = _make(bench, video, source, info, chosen, h264, folder / "output.mp4", key)
    choice = Choice.model_validate(made.details)
    return DigestResult(
        source=video.path,
        target_length=target_length,
        scenes=choice.scenes,
        segments=choice.segments,
        analysis=ANALYSIS,
        **vars(outcome(bench.report, made, cost, effort, started)),
    )


def _choose(
    bench: Workbench, video: Video, source: Path, info: MediaInfo, target: Fraction, highlights: bool, fan_out: FanOut
) -> tuple[int, list[Segment]]:
    """How many scenes the video has, and the stretches to show."""
    signals, duration = signals_of(bench, video, source, info, fan_out)
    found = transitions_of(bench, video, source, info, fan_out)
    scenes = transitions.scenes(found, Fraction(0), duration)
    bench.report.progress(0.4, f"{len(scenes)} scenes found")
    worth = scores(signals)
    if highlights:
        chosen = best(scenes, worth, duration, target, explain(signals), signals.looks)
    else:
        chosen = spread(scenes, worth, duration, target)
    for segment in chosen:
        bench.report.line(f"taken: {float(segment.start):.1f} to {float(segment.end):.1f} s: {segment.reason}")
    return len(scenes), chosen


def _make(
    bench: Workbench,
    video: Video,
    source: Path,
    info: MediaInfo,
    chosen: tuple[int, list[Segment]],
    h264: build.H264,
    staged: Path,
    key: str,
) -> tuple[Video, Cost, Effort]:
    scenes, segments = chosen
    product = Product(
        path=f"{DIGESTS}/{PurePosixPath(video.filename).stem}-digest.mp4",
        recipe=key,
        expected=Expectation(),
        title=f"{video.title} (digest)",
        source_video_id=video.id,
        details=Choice(
            scenes=scenes,
            segments=tuple(
                DigestSegment(start=float(s.start), end=float(s.end), score=round(s.score, 4), reason=s.reason)
                for s in segments
            ),
        ).model_dump(mode="json"),
    )
    spans = [(segment.start, segment.end) for segment in segments]
    return cut(bench, source, info, spans, h264, staged, product, Part(bench.report, 0.4, 0.95))
