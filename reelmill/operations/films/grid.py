"""A grid: videos side by side and one above the other, each fitted into its cell without distortion."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import Any, Final, Literal

from reelmill.catalogue.models import Video
from reelmill.errors import InputError, WrongParameter
from reelmill.ffmpeg.codecs import WEB
from reelmill.ffmpeg.commands import filters
from reelmill.ffmpeg.encoding import Encoding
from reelmill.ffmpeg.reading.audio.audio_jitter import with_jitter
from reelmill.ffmpeg.reading.probe import probe
from reelmill.ffmpeg.verify import Expectation, verify
from reelmill.operations import size_estimates
from reelmill.operations.chunk_store.encoded_points import written_points
from reelmill.operations.chunk_store.film_chunks import Film, FilmChunks, FrameSequence, film_chunks
from reelmill.operations.chunk_store.readable import readable
from reelmill.operations.context import Workbench
from reelmill.operations.films import film_sources
from reelmill.operations.films.film_result import FilmOutput
from reelmill.operations.films.film_segments import FilmForm, of_cells
from reelmill.operations.films.film_work import FilmWork
from reelmill.operations.recipe import SourceContent, recipe
from reelmill.report import Share
from reelmill.troubles import Flaw

Length = Literal["shortest", "longest"]

SIZE: Final = (1920, 1080)
#: No source of a grid is shown faster than this; twice the frames in a quarter of the space serve nobody.
_MAX_RATE: Final = Fraction(60)
#: A grid of more is made in two steps: each video made small by itself, so that no two large ones are ever open.
_AT_ONCE: Final = 4
#: Of the job, when the small videos of such a grid are made, and when the film is.
_CELLS_DONE: Final = 0.7
_FILM_DONE: Final = 0.95


@dataclass(frozen=True)
class GridPlan:
    """What the grid will be."""

    frames: int
    rate: Fraction
    heard: tuple[int, ...]  # cells, from 0

    @property
    def length(self) -> Fraction:
        """Seconds: whole frames."""
        return self.frames / self.rate


def plan(cells: Sequence[filters.Cell], length: Length, audio: int | Literal["mix"]) -> GridPlan:
    """Decide length, rate and audio of a grid (pure).

    Args:
        cells: the videos.
        length: ``shortest`` ends with the first to end; ``longest`` holds the others' last frames.
        audio: 1 for the audio of the first cell and so on, ``mix`` for all, 0 for silence.

    Returns:
        The plan.

    Raises:
        InputError: a video does not say how long it is.
        WrongParameter: there is no such cell.
    """
    durations = []
    for cell in cells:
        duration = cell.info.video.duration or cell.info.duration
        if not duration or duration <= 0:
            reason = f"{cell.path.name} does not say how long it is; re-encode it first."
            raise InputError(reason, cell.path, Flaw.NO_LENGTH)
        durations.append(duration)
    if audio != "mix" and not 0 <= audio <= len(cells):
        reason = f"There is no cell {audio} to hear: the grid has {len(cells)}; 0 is silence."
        raise WrongParameter(reason, "audio", audio)
    rates = [min(cell.info.video.frame_rate or Fraction(25), _MAX_RATE) for cell in cells]
    heard = range(len(cells)) if audio == "mix" else () if audio == 0 else (audio - 1,)
    wanted, rate = min(durations) if length == "shortest" else max(durations), max(rates)
    return GridPlan(
        frames=max(1, round(wanted * rate)),
        rate=rate,
        heard=tuple(index for index in heard if cells[index].info.audio_tracks),
    )


def content(bench: Workbench, video: Video, cell: filters.Cell) -> SourceContent:
    """What is read of a cell's video; errors as of ``Workbench.content``."""
    return bench.content(video, cell.path, cell.info.video.number)


def read_cells(bench: Workbench, videos: Sequence[Video]) -> list[filters.Cell]:
    """The cells that ``videos`` will be.

    Args:
        bench: what to work with.
        videos: the records, row by row.

    Returns:
        A cell for each.

    Raises:
        InputError: one cannot be used.
        CapabilityError: one is HDR and this ffmpeg cannot show it otherwise.
    """
    cells = []
    for video in videos:
        path, info = readable(bench, video, bench.source(video))
        cells.append(filters.Cell(path, with_jitter(path, info)))
        bench.transcoder.require_tone_mapping(cells[-1].info)
    return cells


def produce(work: FilmWork, videos: Sequence[Video], cells: Sequence[filters.Cell], planned: GridPlan) -> FilmOutput:
    """Make a grid and publish it.

    Args:
        work: what it is made with and becomes.
        videos: the records of the cells.
        cells: a square number of them, row by row.
        planned: see ``plan``.

    Returns:
        The film.

    Raises:
        GpuBusy, FfmpegFailed, ProcessStalled, DiskFull, OutputRejected: it went wrong; nothing was published.
    """
    bench, length, two_steps = work.bench, planned.length, len(cells) > _AT_ONCE
    form = _form(cells, planned)
    bench.disk.require(size_estimates.grid(form, work.encoding, bench.chunk_seconds, kept=two_steps))
    expected = Expectation(
        duration=length,
        frames=planned.frames,
        size=SIZE,
        audio_tracks=1 if planned.heard else 0,
        audio_throughout=True,
        segments=of_cells(cells, FilmForm(SIZE, planned.rate, work.encoding), length, planned.heard),
    )
    work = work.made_of(film_sources.of_cells(videos, [cell.path for cell in cells], expected.segments))
    begin, staged = _CELLS_DONE if two_steps else 0.0, work.folder / "output.mp4"
    with film_chunks(bench, work.product.recipe, work.folder) as chunks:
        if two_steps:
            small = _SmallCells(chunks, cells, planned, Share(bench.report, 0, begin))
            cells = [small.make_small(number, video) for number, video in enumerate(videos)]
        film = _film(cells, planned, work.product.recipe)
        points = chunks.film(film, work.encoding, staged, Share(bench.report, begin, _FILM_DONE))
        expected = replace(expected, points=points)
        return work.publish(staged, expected, chunks, bytes_in=sum(video.size for video in videos))


def _form(cells: Sequence[filters.Cell], planned: GridPlan) -> filters.GridForm:
    return filters.GridForm(round(len(cells) ** 0.5), SIZE, planned.rate, planned.length, planned.heard)


def _film(cells: Sequence[filters.Cell], planned: GridPlan, key: str) -> Film:
    form = _form(cells, planned)

    def command(way: Encoding, target: Path, points: Path) -> Sequence[str]:
        return filters.grid(cells, target, way, form, points)

    def graph(first: int) -> Any:
        return filters.stacked_cells(cells, form, first)

    audio = filters.mixed_cells(cells, form) if planned.heard else None
    video = FrameSequence("the grid", recipe("stacked", job=key), planned.frames, planned.rate, SIZE, graph)
    return Film(video, audio, command, audio_options={"ac": 2})


@dataclass(frozen=True)
class _SmallCells:
    """The cells of a grid, each made small by itself and nearly without loss."""

    chunks: FilmChunks
    cells: Sequence[filters.Cell]  # as they are
    planned: GridPlan
    report: Share

    def make_small(self, number: int, video: Video) -> filters.Cell:
        """One of them, made now or found as an earlier run made it."""
        columns, cell, planned = round(len(self.cells) ** 0.5), self.cells[number], self.planned
        size, heard, name = (SIZE[0] // columns, SIZE[1] // columns), number in planned.heard, f"cell {number + 1}"
        expected = Expectation(audio_codec=None, audio_tracks=1 if heard else 0)
        share = Share(self.report, number / len(self.cells), (number + 1) / len(self.cells))

        def encode(target: Path) -> dict[str, Any]:
            line = filters.cell(cell, target, size=size, rate=planned.rate, length=planned.length, heard=heard)
            points = filters.points_of_cell(target)
            try:
                encoded = self.chunks.run(line, WEB.software.name, share, planned.length)
                verify(target, replace(expected, points=written_points(points, self.report)), name)
            finally:
                points.unlink(missing_ok=True)
            return {"frames": encoded.last.frames}

        of = recipe(
            "cell", [content(self.chunks.bench, video, cell)],
            size=size, rate=str(planned.rate), length=str(planned.length), sound=heard, holes="filled",
        )  # fmt: skip
        path = self.chunks.single(of, name, encode).path
        return filters.Cell(path, probe(path))
