"""Mega compilation: nine or sixteen videos in a grid, or any number one after the other, in ``compilations/``."""

from __future__ import annotations

import time
import uuid
from collections.abc import Sequence
from pathlib import Path
from typing import Final, Literal

from reelmill.catalogue import queries
from reelmill.catalogue.engine import session
from reelmill.catalogue.models import Video
from reelmill.errors import UserError
from reelmill.ffmpeg import build
from reelmill.ffmpeg.cost import Cost
from reelmill.ffmpeg.verify import Expectation
from reelmill.layout import COMPILATIONS
from reelmill.operations import grid, sequence
from reelmill.operations.grid import Length
from reelmill.operations.outcome import Outcome, outcome
from reelmill.operations.parts import Effort
from reelmill.operations.publish import Product, existing, output_path
from reelmill.operations.workbench import Workbench, fingerprint, recipe
from reelmill.operations.workspace import workspace

Layout = Literal["3x3", "4x4", "sequence"]
Sound = int | Literal["mix"]

_CELLS: Final = {"3x3": 9, "4x4": 16}
#: How many a sequence takes unless told.
_USUAL: Final = 20


class MegaResult(Outcome):
    """What was made."""

    layout: Layout
    sources: tuple[str, ...]


def compile_mega(
    bench: Workbench,
    video_ids: Sequence[str] | None = None,
    *,
    layout: Layout = "3x3",
    count: int | None = None,
    seed: int | None = None,
    target: str | None = None,
    length: Length = "shortest",
    audio: Sound = 1,
) -> MegaResult:
    """Put many videos into one, however many and large they are, with the memory that a few take.

    Args:
        bench: what to work with.
        video_ids: which, in their order; None picks valid ones.
        layout: a grid of 1920x1080, or a ``sequence`` of whole videos.
        count: how many a sequence picks; a grid has its own number.
        seed: of the pick; None picks anew for each job, and the same again when that job is retried.
        target: where to write it, under the media root; None puts it into ``compilations/``.
        length: of a grid, see ``grid.plan``.
        audio: of a grid, see ``grid.plan``.

    Raises:
        UserError, InputError: what was asked for cannot be done.
        GpuBusy, FfmpegFailed, Stalled, DiskFull, OutputRejected: it went wrong; nothing was published.
    """
    started = time.monotonic()
    wanted = None if target is None else output_path(bench.root, target)
    number = how_many(layout, count, None if video_ids is None else len(video_ids))
    videos = _choose(video_ids, number, seed if seed is not None else str(bench.run_id or uuid.uuid4()))
    for video in videos:
        bench.report.line(f"input: {video.path}")
    h264 = bench.transcoder.h264()
    prints = [fingerprint(video, bench.source(video)) for video in videos]
    how = {} if layout == "sequence" else {"layout": layout, "length": length, "audio": audio}
    key = recipe("sequence" if layout == "sequence" else "grid", prints, target=wanted, **how, **h264.options())
    with workspace(bench.root, key, bench.report) as folder:
        made = existing(bench, key)
        cost, effort = None, Effort()
        if made is None:
            product = Product(
                path=wanted or f"{COMPILATIONS}/{videos[0].title.replace('/', '-')} {layout} {key[:8]}.mp4",
                recipe=key,
                expected=Expectation(),
                title=f"{videos[0].title} and {len(videos) - 1} more",
                exact=wanted is not None,
            )
            made, cost, effort = _make(bench, videos, layout, length, audio, h264, folder, product)
    sources = tuple(video.path for video in videos)
    return MegaResult(layout=layout, sources=sources, **vars(outcome(bench.report, made, cost, effort, started)))


def how_many(layout: Layout, count: int | None, given: int | None) -> int:
    """How many videos a layout takes (pure).

    Args:
        layout: see ``compile_mega``.
        count: how many were asked for.
        given: how many were named.

    Raises:
        UserError: the numbers do not fit.
    """
    cells = _CELLS.get(layout)
    if cells is None:
        if given is not None and count is not None and count != given:
            raise UserError(f"{given} videos were given and a count of {count}; leave one of the two out.")
        return given or count or _USUAL
    for number, what in ((given, "were given"), (count, "were asked for")):
        if number is not None and number != cells:
            raise UserError(f"A grid of {layout} takes {cells} videos and {number} {what}; sequence takes any number.")
    return cells


def _choose(video_ids: Sequence[str] | None, count: int, seed: int | str) -> list[Video]:
    with session() as opened:
        if video_ids is None:
            return queries.pick_sources(opened, count, seed)
        return [queries.usable_video(opened, video_id) for video_id in video_ids]


def _make(
    bench: Workbench,
    videos: Sequence[Video],
    layout: Layout,
    length: Length,
    audio: Sound,
    h264: build.H264,
    folder: Path,
    product: Product,
) -> tuple[Video, Cost, Effort]:
    if layout == "sequence":
        sources = [sequence.look(bench, video) for video in videos]
        return sequence.produce(bench, sources, h264, folder, product)
    cells = grid.look(bench, videos)
    decided = grid.plan(cells, length, audio)
    bench.report.line(f"{layout} grid of {float(decided.length):.2f} s at {float(decided.rate):.3f} pictures a second")
    return grid.produce(bench, videos, cells, decided, h264, folder, product)
