"""Quad: four videos side by side and one above the other, in ``compilations/``."""

from __future__ import annotations

import time
import uuid
from collections.abc import Sequence
from typing import Literal

from reelmill.catalogue import queries
from reelmill.catalogue.engine import session
from reelmill.catalogue.models import Video
from reelmill.errors import UserError
from reelmill.ffmpeg.verify import Expectation
from reelmill.layout import COMPILATIONS
from reelmill.operations import grid
from reelmill.operations.grid import Length
from reelmill.operations.outcome import Outcome, outcome
from reelmill.operations.parts import Effort
from reelmill.operations.publish import Product, existing, output_path
from reelmill.operations.workbench import Workbench, fingerprint, recipe
from reelmill.operations.workspace import workspace

Sound = Literal[0, 1, 2, 3, 4, "mix"]


class QuadResult(Outcome):
    """What was made."""

    sources: tuple[str, str, str, str]


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
        length: see ``grid.plan``.
        audio: see ``grid.plan``.

    Raises:
        UserError, InputError: what was asked for cannot be done.
        GpuBusy, FfmpegFailed, Stalled, DiskFull, OutputRejected: the encode went wrong; nothing was published.
    """
    started = time.monotonic()
    wanted = None if target is None else output_path(bench.root, target)
    videos = _choose(video_ids, seed if seed is not None else str(bench.run_id or uuid.uuid4()))
    for video in videos:
        bench.report.line(f"input: {video.path}")
    cells = grid.look(bench, videos)
    decided = grid.plan(cells, length, audio)
    bench.report.line(f"grid of {float(decided.length):.2f} s at {float(decided.rate):.3f} pictures a second")
    h264 = bench.transcoder.h264()
    prints = [fingerprint(video, cell.path) for video, cell in zip(videos, cells, strict=True)]
    key = recipe("compile_quad", prints, length=length, audio=audio, target=wanted, **h264.options())
    with workspace(bench.root, key, bench.report) as folder:
        made = existing(bench, key)
        cost, effort = None, Effort()
        if made is None:
            product = Product(
                path=wanted or f"{COMPILATIONS}/{videos[0].title.replace('/', '-')} quad.mp4",
                recipe=key,
                expected=Expectation(),
                title=f"{videos[0].title} and three more",
                exact=wanted is not None,
            )
            made, cost, effort = grid.produce(bench, videos, cells, decided, h264, folder, product)
    one, two, three, four = (video.path for video in videos)
    return QuadResult(sources=(one, two, three, four), **vars(outcome(bench.report, made, cost, effort, started)))


def _choose(video_ids: Sequence[str] | None, seed: int | str) -> list[Video]:
    with session() as opened:
        if video_ids is None:
            return queries.pick_sources(opened, 4, seed)
        if len(video_ids) != 4:
            raise UserError(
                f"A grid takes four videos and {len(video_ids)} were given; leave them out to have four picked."
            )
        return [queries.usable_video(opened, video_id) for video_id in video_ids]
