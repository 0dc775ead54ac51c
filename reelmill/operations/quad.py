"""Quad: four videos side by side and one above the other, in ``compilations/``."""

from __future__ import annotations

import time
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Final, Literal

from pydantic import BaseModel, ConfigDict

from reelmill.catalogue import queries
from reelmill.catalogue.engine import session
from reelmill.catalogue.models import Video
from reelmill.errors import InputError, UserError
from reelmill.ffmpeg import build
from reelmill.ffmpeg.cost import Cost, cost_of
from reelmill.ffmpeg.probe import probe
from reelmill.ffmpeg.verify import Expectation
from reelmill.layout import COMPILATIONS
from reelmill.operations.publish import Product, existing, output_path, publish
from reelmill.operations.workbench import Workbench, fingerprint, recipe
from reelmill.operations.workspace import workspace
from reelmill.report import Part

Length = Literal["shortest", "longest"]
Sound = Literal[0, 1, 2, 3, 4, "mix"]

SIZE: Final = (1920, 1080)
#: No source of a grid is shown faster than this; twice the pictures in a quarter of the space serve nobody.
_MAX_RATE: Final = Fraction(60)


class QuadResult(BaseModel):
    """What was made."""

    model_config = ConfigDict(frozen=True)

    video_id: uuid.UUID
    path: str
    sources: tuple[str, str, str, str]
    reused: bool
    duration: float  # seconds
    seconds: float  # wall time of this run
    size: int  # bytes
    cost: Cost | None = None  # of this run; None where an earlier one had made it


@dataclass(frozen=True)
class Plan:
    """What the grid will be."""

    length: Fraction  # seconds
    rate: Fraction
    sound: tuple[int, ...]  # cells that are heard


def plan(cells: Sequence[build.Cell], length: Length, audio: Sound) -> Plan:
    """Decide length, rate and sound of a grid (pure).

    Args:
        cells: the four videos.
        length: ``shortest`` ends with the first to end; ``longest`` holds the others' last pictures.
        audio: 1 to 4 for the sound of that cell, ``mix`` for all, 0 for silence.

    Raises:
        InputError: a video does not say how long it is.
    """
    durations = []
    for cell in cells:
        duration = cell.info.video.duration or cell.info.duration
        if not duration or duration <= 0:
            raise InputError(f"{cell.path.name} does not say how long it is; re-encode it first.")
        durations.append(duration)
    rates = [min(cell.info.video.frame_rate or Fraction(25), _MAX_RATE) for cell in cells]
    heard = range(4) if audio == "mix" else () if audio == 0 else (audio - 1,)
    return Plan(
        length=min(durations) if length == "shortest" else max(durations),
        rate=max(rates),
        sound=tuple(index for index in heard if cells[index].info.audio_tracks),
    )


def compile_quad(
    bench: Workbench,
    video_ids: Sequence[str] | None = None,
    *,
    seed: int | None = None,
    target: str | None = None,
    length: Length = "shortest",
    audio: Sound = 1,
) -> QuadResult:
    """Put four videos in a 1920x1080 grid, each fitted into its cell without distortion.

    Args:
        bench: what to work with.
        video_ids: four of them, top left to bottom right; None picks four valid ones.
        seed: of the pick; None picks anew for each job, and the same again when that job is retried.
        target: where to write it, under the media root; None names it after its first video.
        length: see ``plan``.
        audio: see ``plan``.

    Raises:
        UserError, InputError: what was asked for cannot be done.
        GpuBusy, FfmpegFailed, Stalled, DiskFull, OutputRejected: the encode went wrong; nothing was published.
    """
    started = time.monotonic()
    wanted = None if target is None else output_path(bench.root, target)
    videos = _choose(video_ids, seed if seed is not None else str(bench.run_id or uuid.uuid4()))
    paths = [bench.source(video) for video in videos]
    for video in videos:
        bench.report.line(f"input: {video.path}")
    cells = [build.Cell(path, probe(path)) for path in paths]
    for cell in cells:
        bench.transcoder.require_tone_mapping(cell.info)
    decided = plan(cells, length, audio)
    bench.report.line(f"grid of {float(decided.length):.2f} s at {float(decided.rate):.3f} pictures a second")
    h264 = build.H264(encoder=bench.transcoder.h264_encoder("auto"), threads=bench.transcoder.options.threads)
    prints = [fingerprint(video, path) for video, path in zip(videos, paths, strict=True)]
    key = recipe("compile_quad", prints, length=length, audio=audio, target=wanted, **h264.options())
    with workspace(bench.root, key, bench.report) as folder:
        made = existing(bench, key)
        cost: Cost | None = None
        if made is None:
            made, cost = _make(bench, videos, cells, decided, h264, folder / "output.mp4", key, wanted)
    bench.report.line(f"output: {made.path}, {made.size} bytes")
    bench.report.progress(1.0, "done")
    one, two, three, four = (video.path for video in videos)
    return QuadResult(
        video_id=made.id,
        path=made.path,
        sources=(one, two, three, four),
        reused=cost is None,
        duration=made.duration or 0.0,
        seconds=time.monotonic() - started,
        size=made.size,
        cost=cost,
    )


def _choose(video_ids: Sequence[str] | None, seed: int | str) -> list[Video]:
    with session() as opened:
        if video_ids is None:
            return queries.pick_sources(opened, 4, seed)
        if len(video_ids) != 4:
            raise UserError(
                f"A grid takes four videos and {len(video_ids)} were given; leave them out to have four picked."
            )
        return [queries.usable_video(opened, video_id) for video_id in video_ids]


def _make(
    bench: Workbench,
    videos: Sequence[Video],
    cells: Sequence[build.Cell],
    decided: Plan,
    h264: build.H264,
    staged: Path,
    key: str,
    wanted: str | None,
) -> tuple[Video, Cost]:
    def arguments(way: build.H264) -> Sequence[str]:
        return build.quad(cells, staged, way, size=SIZE, rate=decided.rate, length=decided.length, sound=decided.sound)

    finished = bench.transcoder.encode(arguments, h264, Part(bench.report, 0.0, 0.95), decided.length)
    product = Product(
        path=wanted or f"{COMPILATIONS}/{videos[0].title.replace('/', '-')} quad.mp4",
        recipe=key,
        expected=Expectation(
            duration=decided.length,
            frames=finished.last.frames,
            size=SIZE,
            audio_tracks=1 if decided.sound else 0,
        ),
        title=f"{videos[0].title} and three more",
        exact=wanted is not None,
    )
    made = publish(bench, staged, product)
    read = sum(video.size for video in videos)
    return made, cost_of(finished, finished.energy, decided.length, bytes_in=read, bytes_out=made.size)
