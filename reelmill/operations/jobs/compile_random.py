"""Medley: videos picked at random, one after the other, in ``compilations/``."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path
from typing import Final, Literal

from reelmill.catalogue.engine import session
from reelmill.catalogue.videos import picking
from reelmill.catalogue.videos.picking import Criteria
from reelmill.errors import WrongParameter
from reelmill.ffmpeg.verify import Expectation
from reelmill.operations.context import Workbench
from reelmill.operations.films import concatenate
from reelmill.operations.films.concatenate import SequenceDetails, SequenceSegment
from reelmill.operations.films.film_result import FilmOutput, FilmResult, report_film
from reelmill.operations.films.film_work import FilmWork
from reelmill.operations.films.sequence_plan import read_source
from reelmill.operations.once import once
from reelmill.operations.publishing.publish import Product, output_path
from reelmill.operations.recipe import recipe
from reelmill.operations.result_card import ItemTable, ResultCard, ResultImage
from reelmill.queue.job_type import JobType
from reelmill.storage.media_root import COMPILATIONS
from reelmill.wording import clock, plural

#: Without a seed each job picks anew.
JOB_TYPE: Final = JobType(folder=COMPILATIONS, repeats=True, unless_given=("seed",))

Orientation = Literal["landscape", "portrait", "square", "any"]


class MedleyResult(FilmResult):
    """What was made."""

    pieces: tuple[SequenceSegment, ...]
    copied: int  # of ``pieces``, how many were joined without encoding their frames again

    def result_card(self) -> ResultCard:
        """The result for people: every segment, and why its frames were encoded where they were."""
        rows = tuple(
            (clock(one.start), clock(one.duration), one.source, "as it is" if one.copied else f"encoded: {one.why}")
            for one in self.pieces
        )
        middles = tuple(one.start + one.duration / 2 for one in self.pieces)
        return replace(
            self.film_result_card(f"A film of {plural(len(self.pieces), 'video')}"),
            table=ItemTable(("at", "length", "video", "joined"), rows),
            images=(ResultImage(self.path, f"the segments of {self.path}", middles),),
        )


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

    Returns:
        The film, made now or found made, and what it was joined from.

    Raises:
        TooFewVideos: the library holds fewer that meet the criteria.
        WrongParameter: the times are the wrong way round, or another parameter makes no sense.
        InputError: what was asked for cannot be done.
        GpuBusy, FfmpegFailed, ProcessStalled, DiskFull, OutputRejected: it went wrong; nothing was published.
    """
    started = time.monotonic()
    if not 0 <= min_duration <= max_duration:
        reason = f"No video lasts from {min_duration:g} to {max_duration:g} s; give the shorter time first."
        raise WrongParameter(reason, "min_duration", min_duration)
    wanted = None if target is None else output_path(bench.root, target)
    criteria = Criteria(min_duration, max_duration, None if orientation == "any" else orientation)
    with session() as opened:
        videos = picking.pick_sources(opened, count, bench.pick_seed(seed), criteria)
    bench.report.line(f"picked: {', '.join(video.path for video in videos)}")
    encoding = bench.transcoder.default_encoding()
    contents = [bench.content(video) for video in videos]
    key = recipe("sequence", contents, encoding, target=wanted)
    product = Product(
        path=wanted or f"{JOB_TYPE.folder}/random {count} {key[:8]}.mp4",
        recipe=key,
        expected=Expectation(),
        title=f"{videos[0].title} and {count - 1} more" if count > 1 else videos[0].title,
        exact=wanted is not None,
    )

    def make_film(folder: Path) -> FilmOutput:
        sources = [read_source(bench, video) for video in videos]
        return concatenate.produce(FilmWork(bench, encoding, folder, product), sources)

    film = once(bench, key, make_film, FilmOutput, to=product.destination)
    segments = SequenceDetails.model_validate(film.video.details).pieces
    copied = sum(segment.copied for segment in segments)
    return MedleyResult(pieces=segments, copied=copied, **vars(report_film(bench.report, film, started)))
