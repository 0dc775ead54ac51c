"""Highlights: the best moments of a video faded into one another, its sound levelled, in ``highlights/``."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from fractions import Fraction
from itertools import pairwise
from pathlib import Path, PurePosixPath
from typing import Final

from pydantic import BaseModel, ConfigDict

from reelmill.analysis import transitions
from reelmill.analysis.frames import begun
from reelmill.analysis.scoring import explain, scores
from reelmill.analysis.selection import Segment, best
from reelmill.catalogue.models import Video
from reelmill.errors import UserError
from reelmill.fan_out import FanOut, threads
from reelmill.ffmpeg import build, montage
from reelmill.ffmpeg.cost import Cost, cost_of_all
from reelmill.ffmpeg.loudness import integrated
from reelmill.ffmpeg.montage import Span
from reelmill.ffmpeg.probe import MediaInfo
from reelmill.layout import HIGHLIGHTS
from reelmill.operations import room
from reelmill.operations.analysis import ANALYSIS, signals_of, transitions_of
from reelmill.operations.cut import of_one
from reelmill.operations.outcome import Outcome, outcome
from reelmill.operations.parts import Effort, Film, Pictures, parts_of
from reelmill.operations.publish import Product, existing, publish
from reelmill.operations.sequence import gain
from reelmill.operations.workbench import Workbench, fingerprint, open_video, recipe
from reelmill.operations.workspace import workspace
from reelmill.report import Part

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


class HighlightResult(Outcome):
    """What was made."""

    source: str
    moments: tuple[Moment, ...]


def highlight_generate(
    bench: Workbench, video_id: str, *, length: float = 90, fan_out: FanOut = threads
) -> HighlightResult:
    """Make a film of the best moments of a video.

    Args:
        bench: what to work with.
        video_id: which video.
        length: of the film, seconds; a shorter video is taken whole.
        fan_out: runs the analysis of each range, here or elsewhere.

    Raises:
        UnknownVideo, InputError: the source cannot be used.
        UserError: the length makes no sense.
        GpuBusy, FfmpegFailed, Stalled, DiskFull, OutputRejected: the encode went wrong; nothing was published.
    """
    started = time.monotonic()
    if not 0 < length < math.inf:
        raise UserError(f"Highlights of {length:g} s cannot be made; ask for more than 0.")
    taken = open_video(bench, video_id)
    video, source, info = taken.video, taken.path, taken.info
    bench.transcoder.require_tone_mapping(info)
    h264 = bench.transcoder.h264()
    target = Fraction(length).limit_denominator(1000)
    key = recipe("highlights", [fingerprint(video, source)], target=str(target), analysis=ANALYSIS, **h264.options())
    with workspace(bench.root, key, bench.report) as folder:
        made = existing(bench, key)
        cost, effort = None, Effort()
        if made is None:
            bench.disk.require(room.montage(info, target, h264, bench.chunk_seconds))
            signals, duration = signals_of(bench, video, source, info, fan_out)
            found = transitions_of(bench, video, source, info, fan_out)
            scenes = transitions.scenes(found, Fraction(0), duration)
            chosen = best(scenes, scores(signals), duration, target, explain(signals), signals.looks)
            made, cost, effort = _make(bench, video, source, info, chosen, h264, folder / "output.mp4", key)
    moments = Moments.model_validate(made.details).moments
    return HighlightResult(
        source=video.path, moments=moments, **vars(outcome(bench.report, made, cost, effort, started))
    )


def overlapped(segments: Sequence[Segment], rate: Fraction) -> tuple[list[Span], list[int]]:
    """Moments that lend each neighbour half a fade, so that the film is as long as they are; and each fade's frames.

    Pure. A fade is shorter where the first moment has not as much before it, or the next not as much after it.

    Args:
        segments: in story order, none overlapping.
        rate: frames per second of the film.
    """
    spans = [(segment.start, segment.end) for segment in segments]
    fades = []
    for index, (before, after) in enumerate(pairwise(segments)):
        least = min(before.length, after.length) / 2
        half = math.floor(min(FADE, least) / 2 * rate)  # frames
        fades.append(2 * half)
        spans[index] = (spans[index][0], before.end + half / rate)
        spans[index + 1] = (after.start - half / rate, after.end)
    return spans, fades


def _make(
    bench: Workbench,
    video: Video,
    source: Path,
    info: MediaInfo,
    chosen: Sequence[Segment],
    h264: build.H264,
    staged: Path,
    key: str,
) -> tuple[Video, Cost, Effort]:
    for segment in chosen:
        bench.report.line(f"taken: {float(segment.start):.1f} to {float(segment.end):.1f} s: {segment.reason}")
    rate = montage.rate_of(info)
    spans, fades = overlapped(chosen, rate)
    frames = sum(max(1, round((end - start) * rate)) for start, end in spans) - sum(fades)
    moments = tuple(
        Moment(start=float(start), end=float(end), score=round(segment.score, 4), reason=segment.reason)
        for (start, end), segment in zip(spans, chosen, strict=True)
    )
    product = Product(
        path=f"{HIGHLIGHTS}/{PurePosixPath(video.filename).stem}-highlights.mp4",
        recipe=key,
        expected=of_one(info, frames / rate, frames),
        title=f"{video.title} (highlights)",
        source_video_id=video.id,
        details=Moments(moments=moments).model_dump(mode="json"),
    )
    with parts_of(bench, key, staged.parent) as parts:
        film = _film(source, info, spans, fades, recipe("faded", [], job=key, spans=spans, fades=fades), frames)
        parts.film(film, h264, staged, Part(bench.report, 0.4, 0.95))
        made = publish(bench, staged, product)
    spent = [(step, step.energy) for step in parts.spent]
    cost = cost_of_all(spent, frames / rate, bytes_in=video.size, bytes_out=made.size)
    return made, cost, parts.effort


def _film(source: Path, info: MediaInfo, spans: Sequence[Span], fades: Sequence[int], of: str, frames: int) -> Film:
    begins = begun(source, [start for start, _ in spans])
    change = gain(integrated(source)) if info.audio_tracks else 0.0
    seen = Pictures(
        name="the film",
        of=of,
        frames=frames,
        rate=montage.rate_of(info),
        graph=lambda first: montage.faded_pictures(source, info, spans, fades, begins, first),
        options=montage.tags(info),
    )
    heard = montage.faded_sound(source, info, spans, fades, begins, change) if info.audio_tracks else None
    return Film(seen, heard, lambda way, target: montage.faded(source, info, spans, fades, target, way, begins, change))
