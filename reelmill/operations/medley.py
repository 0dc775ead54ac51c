"""Medley: videos picked at random, one after the other, in ``compilations/``."""

from __future__ import annotations

import time
import uuid
from typing import Literal

from reelmill.catalogue import queries
from reelmill.catalogue.engine import session
from reelmill.catalogue.queries import Criteria
from reelmill.errors import UserError
from reelmill.ffmpeg.verify import Expectation
from reelmill.layout import COMPILATIONS
from reelmill.operations import sequence
from reelmill.operations.outcome import Outcome, outcome
from reelmill.operations.parts import Effort
from reelmill.operations.publish import Product, existing, output_path
from reelmill.operations.sequence import Piece, Pieces
from reelmill.operations.workbench import Workbench, fingerprint, recipe
from reelmill.operations.workspace import workspace

Orientation = Literal["landscape", "portrait", "square", "any"]


class MedleyResult(Outcome):
    """What was made."""

    pieces: tuple[Piece, ...]
    copied: int  # of the pieces, how many were joined without encoding their pictures again


def compile_random(
    bench: Workbench,
    *,
    count: int = 10,
    min_duration: float = 30,
    max_duration: float = 120,
    orientation: Orientation = "landscape",
    seed: int | None = None,
    target: str | None = None,
) -> MedleyResult:
    """Join ``count`` videos picked at random from those that meet the criteria.

    Args:
        bench: what to work with.
        count: how many.
        min_duration: of each, seconds.
        max_duration: of each, seconds.
        orientation: how they are held; ``any`` takes all.
        seed: of the pick and its order; None picks anew for each job, and the same again when that job is retried.
        target: where to write it, under the media root; None puts it into ``compilations/``.

    Raises:
        TooFewVideos: the library holds fewer that meet the criteria.
        UserError, InputError: what was asked for cannot be done.
        GpuBusy, FfmpegFailed, Stalled, DiskFull, OutputRejected: it went wrong; nothing was published.
    """
    started = time.monotonic()
    if not 0 <= min_duration <= max_duration:
        raise UserError(f"No video lasts from {min_duration:g} to {max_duration:g} s; give the shorter time first.")
    wanted = None if target is None else output_path(bench.root, target)
    criteria = Criteria(min_duration, max_duration, None if orientation == "any" else orientation)
    with session() as opened:
        videos = queries.pick_sources(
            opened, count, seed if seed is not None else str(bench.run_id or uuid.uuid4()), criteria
        )
    bench.report.line(f"picked: {', '.join(video.path for video in videos)}")
    h264 = bench.transcoder.h264()
    prints = [fingerprint(video, bench.source(video)) for video in videos]
    key = recipe("sequence", prints, target=wanted, **h264.options())
    with workspace(bench.root, key, bench.report) as folder:
        made = existing(bench, key)
        cost, effort = None, Effort()
        if made is None:
            product = Product(
                path=wanted or f"{COMPILATIONS}/random {count} {key[:8]}.mp4",
                recipe=key,
                expected=Expectation(),
                title=f"{videos[0].title} and {count - 1} more" if count > 1 else videos[0].title,
                exact=wanted is not None,
            )
            sources = [sequence.look(bench, video) for video in videos]
            made, cost, effort = sequence.produce(bench, sources, h264, folder, product)
    pieces = Pieces.model_validate(made.details).pieces
    copied = sum(piece.copied for piece in pieces)
    return MedleyResult(pieces=pieces, copied=copied, **vars(outcome(bench.report, made, cost, effort, started)))
