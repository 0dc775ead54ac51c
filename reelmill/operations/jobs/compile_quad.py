"""Quad: four videos side by side and one above the other, in ``compilations/``."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final, Literal

from reelmill.catalogue.engine import session
from reelmill.catalogue.models import Video
from reelmill.catalogue.videos import picking, searching
from reelmill.errors import WrongParameter
from reelmill.ffmpeg.verify import Expectation
from reelmill.operations.context import Workbench
from reelmill.operations.films import grid
from reelmill.operations.films.film_result import FilmOutput, FilmResult, report_film
from reelmill.operations.films.film_work import FilmWork
from reelmill.operations.films.grid import Length
from reelmill.operations.once import once
from reelmill.operations.publishing.publish import Product, output_path
from reelmill.operations.recipe import recipe
from reelmill.operations.result_card import ItemTable, ResultCard
from reelmill.queue.job_type import JobType
from reelmill.storage.media_root import COMPILATIONS

#: Without a seed and without chosen videos each job picks anew.
JOB_TYPE: Final = JobType(folder=COMPILATIONS, repeats=True, unless_given=("seed", "video_ids"))

AudioChoice = Literal[0, 1, 2, 3, 4, "mix"]


class QuadResult(FilmResult):
    """What was made."""

    sources: tuple[str, str, str, str]

    def result_card(self) -> ResultCard:
        """The result for people."""
        places = ("top left", "top right", "bottom left", "bottom right")
        table = ItemTable(("cell", "video"), tuple(zip(places, self.sources, strict=True)))
        return replace(self.film_result_card("A grid of four videos"), table=table)


def compile_quad(
    bench: Workbench,
    video_ids: Sequence[str] | None = None,
    *,
    seed: int | None = None,
    target: str | None = None,
    length: Length = "shortest",
    audio: AudioChoice = 1,
) -> QuadResult:
    """Put four videos in a 1920x1080 grid, each fitted into its cell without distortion.

    Args:
        bench: what to work with.
        video_ids: four of them, top left to bottom right; None picks four valid ones.
        seed: of the pick; None picks anew for each job, and the same again when that job is retried.
        target: where to write it, under the media root; None names it after its first video.
        length: see ``grid.plan``.
        audio: see ``grid.plan``.

    Returns:
        The film, made now or found made.

    Raises:
        UserError, InputError: what was asked for cannot be done.
        GpuBusy, FfmpegFailed, ProcessStalled, DiskFull, OutputRejected: the encode went wrong; nothing was published.
    """
    started = time.monotonic()
    wanted = None if target is None else output_path(bench.root, target)
    videos = _choose(bench, video_ids, seed)
    for video in videos:
        bench.report.line(f"input: {video.path}")
    cells = grid.read_cells(bench, videos)
    decided = grid.plan(cells, length, audio)
    bench.report.line(f"grid of {float(decided.length):.2f} s at {float(decided.rate):.3f} frames a second")
    encoding = bench.transcoder.default_encoding()
    contents = [grid.content(bench, video, cell) for video, cell in zip(videos, cells, strict=True)]
    key = recipe("compile_quad", contents, encoding, length=length, audio=audio, target=wanted)
    product = Product(
        path=wanted or f"{JOB_TYPE.folder}/{videos[0].title.replace('/', '-')} quad.mp4",
        recipe=key,
        expected=Expectation(),
        title=f"{videos[0].title} and three more",
        exact=wanted is not None,
    )

    def make_film(folder: Path) -> FilmOutput:
        return grid.produce(FilmWork(bench, encoding, folder, product), videos, cells, decided)

    film = once(bench, key, make_film, FilmOutput, to=product.destination)
    one, two, three, four = (video.path for video in videos)
    return QuadResult(sources=(one, two, three, four), **vars(report_film(bench.report, film, started)))


def _choose(bench: Workbench, video_ids: Sequence[str] | None, seed: int | None) -> list[Video]:
    with session() as opened:
        if video_ids is None:
            return picking.pick_sources(opened, 4, bench.pick_seed(seed))
        if len(video_ids) != 4:
            reason = f"A grid takes four videos and {len(video_ids)} were given; leave them out to have four picked."
            raise WrongParameter(reason, "video_ids", len(video_ids))
        return [searching.usable_video(opened, video_id, bench.root) for video_id in video_ids]
