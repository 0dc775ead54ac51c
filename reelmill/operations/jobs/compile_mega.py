"""Mega compilation: nine or sixteen videos in a grid, or any number one after the other, in ``compilations/``."""

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
from reelmill.operations.films import concatenate, grid
from reelmill.operations.films.film_result import FilmOutput, FilmResult, report_film
from reelmill.operations.films.film_work import FilmWork
from reelmill.operations.films.grid import Length
from reelmill.operations.films.sequence_plan import read_source
from reelmill.operations.once import once
from reelmill.operations.publishing.publish import Product, output_path
from reelmill.operations.recipe import recipe
from reelmill.operations.result_card import ItemTable, ResultCard
from reelmill.queue.job_type import JobType
from reelmill.storage.media_root import COMPILATIONS
from reelmill.wording import plural

#: Without a seed and without chosen videos each job picks anew.
JOB_TYPE: Final = JobType(folder=COMPILATIONS, repeats=True, unless_given=("seed", "video_ids"))

Layout = Literal["3x3", "4x4", "sequence"]
AudioChoice = int | Literal["mix"]

_CELLS: Final = {"3x3": 9, "4x4": 16}
#: How many a sequence takes by default.
_USUAL: Final = 20


class MegaResult(FilmResult):
    """What was made."""

    layout: Layout
    sources: tuple[str, ...]

    def result_card(self) -> ResultCard:
        """The result for people."""
        videos = plural(len(self.sources), "video")
        what = f"A sequence of {videos}" if self.layout == "sequence" else f"A {self.layout} grid of {videos}"
        rows = tuple((str(number), path) for number, path in enumerate(self.sources, 1))
        return replace(self.film_result_card(what), table=ItemTable(("place", "video"), rows))


def compile_mega(
    bench: Workbench,
    video_ids: Sequence[str] | None = None,
    *,
    layout: Layout = "3x3",
    count: int | None = None,
    seed: int | None = None,
    target: str | None = None,
    length: Length = "shortest",
    audio: AudioChoice = 1,
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

    Returns:
        The film, made now or found made.

    Raises:
        UserError, InputError: what was asked for cannot be done.
        GpuBusy, FfmpegFailed, ProcessStalled, DiskFull, OutputRejected: it went wrong; nothing was published.
    """
    started = time.monotonic()
    wanted = None if target is None else output_path(bench.root, target)
    number = how_many(layout, count, None if video_ids is None else len(video_ids))
    videos = _choose(bench, video_ids, number, seed)
    for video in videos:
        bench.report.line(f"input: {video.path}")
    encoding = bench.transcoder.default_encoding()
    contents = [bench.content(video) for video in videos]
    how = {} if layout == "sequence" else {"layout": layout, "length": length, "audio": audio}
    key = recipe("sequence" if layout == "sequence" else "grid", contents, encoding, target=wanted, **how)
    product = Product(
        path=wanted or f"{JOB_TYPE.folder}/{videos[0].title.replace('/', '-')} {layout} {key[:8]}.mp4",
        recipe=key,
        expected=Expectation(),
        title=f"{videos[0].title} and {len(videos) - 1} more",
        exact=wanted is not None,
    )

    def make_film(folder: Path) -> FilmOutput:
        work = FilmWork(bench, encoding, folder, product)
        if layout == "sequence":
            return concatenate.produce(work, [read_source(bench, video) for video in videos])
        cells = grid.read_cells(bench, videos)
        decided = grid.plan(cells, length, audio)
        shape = f"{layout} grid of {float(decided.length):.2f} s"
        bench.report.line(f"{shape} at {float(decided.rate):.3f} frames a second")
        return grid.produce(work, videos, cells, decided)

    film = once(bench, key, make_film, FilmOutput, to=product.destination)
    sources = tuple(video.path for video in videos)
    return MegaResult(layout=layout, sources=sources, **vars(report_film(bench.report, film, started)))


def how_many(layout: Layout, count: int | None, given: int | None) -> int:
    """How many videos a layout takes (pure).

    Args:
        layout: see ``compile_mega``.
        count: how many were asked for.
        given: how many were named.

    Returns:
        The number.

    Raises:
        WrongParameter: the numbers do not fit.
    """
    cells = _CELLS.get(layout)
    if cells is None:
        if given is not None and count is not None and count != given:
            reason = f"{given} videos were given and a count of {count}; leave one of the two out."
            raise WrongParameter(reason, "count", count)
        return given or count or _USUAL
    for number, what in ((given, "were given"), (count, "were asked for")):
        if number is not None and number != cells:
            reason = f"A grid of {layout} takes {cells} videos and {number} {what}; sequence takes any number."
            raise WrongParameter(reason, "layout", layout)
    return cells


def _choose(bench: Workbench, video_ids: Sequence[str] | None, count: int, seed: int | None) -> list[Video]:
    with session() as opened:
        if video_ids is None:
            return picking.pick_sources(opened, count, bench.pick_seed(seed))
        return [searching.usable_video(opened, video_id, bench.root) for video_id in video_ids]
