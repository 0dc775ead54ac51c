"""Digest: the best stretches of a video in story order, in ``digests/``."""

from __future__ import annotations

import math
import os
import time
import uuid
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from fractions import Fraction
from pathlib import Path, PurePosixPath
from typing import Final

import numpy as np
from pydantic import BaseModel, ConfigDict

from reelmill.analysis import scenes as scene_detection
from reelmill.analysis.frames import begun
from reelmill.analysis.scoring import WEIGHTS, WORDS, parts, scores
from reelmill.analysis.selection import Segment, best, spread
from reelmill.analysis.signals import Range, Signals, join, measure
from reelmill.catalogue import queries
from reelmill.catalogue.engine import session
from reelmill.catalogue.models import Video
from reelmill.errors import InputError, UserError
from reelmill.ffmpeg import build
from reelmill.ffmpeg.cost import Cost, cost_of
from reelmill.ffmpeg.probe import MediaInfo, probe
from reelmill.ffmpeg.verify import Expectation
from reelmill.layout import DIGESTS
from reelmill.operations.publish import Product, existing, publish
from reelmill.operations.workbench import Workbench, fingerprint, recipe
from reelmill.operations.workspace import workspace
from reelmill.report import Part

#: Seconds of video analysed in one go: enough to outweigh starting, little enough to spread over many machines.
RANGE_SECONDS: Final = 60
#: Which analysis made a result; part of its recipe.
ANALYSIS: Final = "classical-2"

Analyse = Callable[[Range], Signals]
FanOut = Callable[[Analyse, Sequence[Range]], list[Signals]]


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


class DigestResult(BaseModel):
    """What was made."""

    model_config = ConfigDict(frozen=True)

    video_id: uuid.UUID  # of the new record
    path: str
    source: str
    reused: bool
    duration: float  # seconds
    target_length: float
    scenes: int
    segments: tuple[DigestSegment, ...]
    analysis: str
    seconds: float  # wall time of this run
    size: int  # bytes
    cost: Cost | None = None  # of this run's encode; None where an earlier one had made it


def threads(analyse: Analyse, ranges: Sequence[Range]) -> list[Signals]:
    """The fan-out of a single process: one thread a core."""
    with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        return list(pool.map(analyse, ranges))


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
    with session() as opened:
        video = queries.usable_video(opened, video_id)
    source = bench.source(video)
    bench.report.line(f"input: {video.path}")
    info = probe(source)
    bench.transcoder.require_tone_mapping(info)
    target = Fraction(target_length).limit_denominator(1000)
    h264 = build.H264(encoder=bench.transcoder.h264_encoder("auto"), threads=bench.transcoder.options.threads)
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
        cost: Cost | None = None
        if made is None:
            chosen = _choose(bench, source, info, target, include_highlights, fan_out)
            made, cost = _make(bench, video, source, info, chosen, h264, folder / "output.mp4", key)
    bench.report.line(f"output: {made.path}, {made.size} bytes")
    bench.report.progress(1.0, "done")
    return _result(video, made, cost, target_length, time.monotonic() - started)


def _result(video: Video, made: Video, cost: Cost | None, target_length: float, seconds: float) -> DigestResult:
    choice = Choice.model_validate(made.details)
    return DigestResult(
        video_id=made.id,
        path=made.path,
        source=video.path,
        reused=cost is None,
        duration=made.duration or 0.0,
        target_length=target_length,
        scenes=choice.scenes,
        segments=choice.segments,
        analysis=ANALYSIS,
        seconds=seconds,
        size=made.size,
        cost=cost,
    )


def ranges(path: Path, duration: Fraction) -> list[Range]:
    """How a video is split for analysis (pure)."""
    seconds = max(1, math.ceil(duration))
    return [Range(str(path), first, min(first + RANGE_SECONDS, seconds)) for first in range(0, seconds, RANGE_SECONDS)]


def _choose(
    bench: Workbench, source: Path, info: MediaInfo, target: Fraction, highlights: bool, fan_out: FanOut
) -> tuple[int, list[Segment]]:
    """How many scenes the video has, and the stretches to show."""
    duration = info.video.duration or info.duration
    if not duration or duration <= 0:
        raise InputError(f"{source.name} does not say how long it is; re-encode it first.")
    split = ranges(source, duration)
    bench.report.line(f"analysing {float(duration):.1f} s in {len(split)} ranges")
    signals = join(fan_out(measure, split))
    if not signals.shown.any():
        raise InputError(f"{source.name} shows nothing: no picture of it decodes.")
    if signals.content < duration - 1:  # the container promises more than there is
        bench.report.line(f"it says {float(duration):.1f} s; nothing comes after {signals.content} s")
        duration = Fraction(signals.content)
        signals = signals.until(signals.content)
    scenes = scene_detection.DEFAULT.scenes(signals)
    bench.report.progress(0.4, f"{len(scenes)} scenes found")
    worth = scores(signals)
    if highlights:
        chosen = best(scenes, worth, duration, target, explain(signals))
    else:
        chosen = spread(scenes, worth, duration, target)
    for segment in chosen:
        bench.report.line(f"taken: {float(segment.start):.1f} to {float(segment.end):.1f} s: {segment.reason}")
    return len(scenes), chosen


def explain(signals: Signals) -> Callable[[int, int], str]:
    """Says which signals lift a stretch above the video's own middle."""
    normal = parts(signals)

    def reason(first: int, end: int) -> str:
        gains = {name: float(np.mean(v[first:end]) - np.mean(v)) * WEIGHTS[name] for name, v in normal.items()}
        told = [WORDS[name] for name, gain in sorted(gains.items(), key=lambda item: -item[1]) if gain > 0.02]
        return " and ".join(told[:2]) or "as good as the rest of the video"

    return reason


def _make(
    bench: Workbench,
    video: Video,
    source: Path,
    info: MediaInfo,
    chosen: tuple[int, list[Segment]],
    h264: build.H264,
    staged: Path,
    key: str,
) -> tuple[Video, Cost]:
    scenes, segments = chosen
    length = sum((segment.length for segment in segments), Fraction(0))
    stretches = [(segment.start, segment.end) for segment in segments]
    begins = begun(source, [start for start, _ in stretches])
    finished = bench.transcoder.encode(
        lambda way: build.montage(source, info, stretches, staged, way, begins),
        h264,
        Part(bench.report, 0.4, 0.95),
        length,
    )
    product = Product(
        path=f"{DIGESTS}/{PurePosixPath(video.filename).stem}-digest.mp4",
        recipe=key,
        expected=Expectation(
            duration=length,
            frames=sum(build.montage_frames(stretches, build.montage_rate(info))),
            size=build.web_size(info),
            audio_tracks=1 if info.audio_tracks else 0,
        ),
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
    made = publish(bench, staged, product)
    return made, cost_of(finished, finished.energy, length, bytes_in=video.size, bytes_out=made.size)
