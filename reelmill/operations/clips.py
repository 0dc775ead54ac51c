"""Clips: the best moments of a video, each a file of its own, in ``clips/``."""

from __future__ import annotations

import math
import time
import uuid
from fractions import Fraction
from pathlib import Path, PurePosixPath

from pydantic import BaseModel, ConfigDict

from reelmill.analysis import transitions
from reelmill.analysis.scoring import explain, scores
from reelmill.analysis.selection import Segment, moments
from reelmill.catalogue.models import Video
from reelmill.errors import UserError
from reelmill.fan_out import FanOut, threads
from reelmill.ffmpeg.cost import Cost
from reelmill.ffmpeg.probe import MediaInfo
from reelmill.ffmpeg.verify import Expectation
from reelmill.layout import CLIPS
from reelmill.operations import room
from reelmill.operations.analysis import ANALYSIS, signals_of, transitions_of
from reelmill.operations.cut import cut
from reelmill.operations.publish import Product, existing
from reelmill.operations.workbench import Workbench, fingerprint, open_video, recipe
from reelmill.operations.workspace import workspace
from reelmill.report import Part

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


def clip_generate(
    bench: Workbench, video_id: str, *, count: int = 5, length: float = 15, fan_out: FanOut = threads
) -> ClipsResult:
    """Cut the best moments out of a video.

    Args:
        bench: what to work with.
        video_id: which video.
        count: how many; fewer where the video is too short for so many.
        length: of each, seconds; a shorter video is taken whole.
        fan_out: runs the analysis of each range, here or elsewhere.

    Raises:
        UnknownVideo, InputError: the source cannot be used.
        UserError: the length or the count makes no sense.
        GpuBusy, FfmpegFailed, Stalled, DiskFull, OutputRejected: an encode went wrong; the clips before it stand.
    """
    started = time.monotonic()
    if not 0 < length < math.inf or count < 1:
        raise UserError(f"{count} clips of {length:g} s cannot be made; ask for at least one of more than 0 s.")
    taken = open_video(bench, video_id)
    video, source, info = taken.video, taken.path, taken.info
    bench.transcoder.require_tone_mapping(info)
    signals, duration = signals_of(bench, video, source, info, fan_out)
    found = transitions_of(bench, video, source, info, fan_out)
    scenes = transitions.scenes(found, Fraction(0), duration)
    each = Fraction(length).limit_denominator(1000)
    chosen = moments(scenes, scores(signals), duration, count, each, explain(signals), signals.looks)
    if len(chosen) < count:
        bench.report.line(f"{len(chosen)} clips of {length:g} s fit into {float(duration):.1f} s, not {count}")
    clips = []
    for number, segment in enumerate(chosen):
        done = [_LOOKING + (1 - _LOOKING) * n / len(chosen) for n in (number, number + 1)]
        clips.append(_clip(bench, video, source, info, segment, Part(bench.report, *done)))
        bench.report.line(f"output: {clips[-1].path}, {clips[-1].size} bytes: {segment.reason}")
    bench.report.progress(1.0, "done")
    return ClipsResult(source=video.path, clips=tuple(clips), seconds=time.monotonic() - started)


def _clip(bench: Workbench, video: Video, source: Path, info: MediaInfo, segment: Segment, report: Part) -> Clip:
    h264 = bench.transcoder.h264()
    span = (segment.start, segment.end)
    at = f"{int(segment.start) // 60:02}m{int(segment.start) % 60:02}s"
    prints = [fingerprint(video, source)]
    key = recipe("clip", prints, start=str(span[0]), end=str(span[1]), analysis=ANALYSIS, **h264.options())
    with workspace(bench.root, key, bench.report) as folder:
        made = existing(bench, key)
        cost: Cost | None = None
        if made is None:
            bench.disk.require(room.montage(info, segment.length, h264, bench.chunk_seconds))
            product = Product(
                path=f"{CLIPS}/{PurePosixPath(video.filename).stem} {at}.mp4",
                recipe=key,
                expected=Expectation(),
                title=f"{video.title} ({at})",
                source_video_id=video.id,
                details={"start": float(span[0]), "end": float(span[1]), "reason": segment.reason},
            )
            made, cost, _ = cut(bench, source, info, [span], h264, folder / "output.mp4", product, report)
    return Clip(
        video_id=made.id,
        path=made.path,
        start=float(span[0]),
        end=float(span[1]),
        score=round(segment.score, 4),
        reason=segment.reason,
        reused=cost is None,
        size=made.size,
        cost=cost,
    )
