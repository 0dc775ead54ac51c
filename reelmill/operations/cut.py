"""Stretches of a video as a video of its own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

from reelmill.analysis.frames import begun
from reelmill.catalogue.models import Video
from reelmill.ffmpeg import build, montage
from reelmill.ffmpeg.cost import Cost, cost_of_all
from reelmill.ffmpeg.montage import Span
from reelmill.ffmpeg.probe import MediaInfo
from reelmill.ffmpeg.verify import Expectation
from reelmill.operations.parts import Effort, Film, Pictures, parts_of
from reelmill.operations.publish import Product, publish
from reelmill.operations.workbench import Workbench, recipe
from reelmill.report import Report


def cut(
    bench: Workbench,
    source: Path,
    info: MediaInfo,
    spans: Sequence[Span],
    h264: build.H264,
    staged: Path,
    product: Product,
    report: Report,
) -> tuple[Video, Cost, Effort]:
    """Cut ``spans`` out frame-exactly, join them in their order, publish; answers with the record and what it took.

    Args:
        bench: what to work with.
        source: the video's file.
        info: its facts.
        spans: start and end of each, in seconds, none overlapping.
        h264: how to encode.
        staged: file to write to, in the workspace of ``product.recipe``.
        product: what it becomes; its expectation is filled in here.
        report: where the encode's progress goes.

    Raises:
        GpuBusy, FfmpegFailed, Stalled, DiskFull, OutputRejected: it went wrong; nothing was published.
    """
    length = sum((end - start for start, end in spans), Fraction(0))
    begins, rate = begun(source, [start for start, _ in spans]), montage.rate_of(info)
    seen = Pictures(
        name="the film",
        of=recipe("cut", [], job=product.recipe, spans=spans),
        frames=sum(montage.frames_of(spans, rate)),
        rate=rate,
        graph=lambda first: montage.joined_pictures(source, info, spans, begins, first),
        options=montage.tags(info),
    )
    heard = montage.joined_sound(source, info, spans, begins) if info.audio_tracks else None
    film = Film(seen, heard, lambda way, target: montage.joined(source, info, spans, target, way, begins))
    with parts_of(bench, product.recipe, staged.parent) as parts:
        parts.film(film, h264, staged, report)
        made = publish(bench, staged, replace(product, expected=of_one(info, length, seen.frames)))
    spent = [(step, step.energy) for step in parts.spent]
    cost = cost_of_all(spent, length, bytes_in=source.stat().st_size, bytes_out=made.size)
    return made, cost, parts.effort


def of_one(info: MediaInfo, length: Fraction, frames: int) -> Expectation:
    """What a film of stretches of one video must be (pure).

    Args:
        info: the video's facts.
        length: of the film, in seconds.
        frames: of the film.
    """
    return Expectation(
        duration=length,
        frames=frames,
        size=build.web_size(info),
        audio_tracks=1 if info.audio_tracks else 0,
        sounds_throughout=True,
        tone_mapped=info.video.hdr is not None,
    )
