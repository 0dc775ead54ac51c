"""A grid: videos side by side and one above the other, each fitted into its cell without distortion."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import Any, Final, Literal

from reelmill.catalogue.models import Video
from reelmill.errors import InputError, UserError
from reelmill.ffmpeg import build
from reelmill.ffmpeg.cost import Cost, cost_of_all
from reelmill.ffmpeg.probe import probe
from reelmill.ffmpeg.verify import Expectation, verify_part
from reelmill.operations import room
from reelmill.operations.parts import Effort, Film, Parts, Pictures, parts_of
from reelmill.operations.publish import Product, publish
from reelmill.operations.workbench import Workbench, fingerprint, recipe
from reelmill.report import Part

Length = Literal["shortest", "longest"]

SIZE: Final = (1920, 1080)
#: No source of a grid is shown faster than this; twice the pictures in a part of the space serve nobody.
_MAX_RATE: Final = Fraction(60)
#: A grid of more is made in two steps: each video made small by itself, so that no two large ones are ever open.
_AT_ONCE: Final = 4
_IN_SOFTWARE: Final = "libx264"


@dataclass(frozen=True)
class Plan:
    """What the grid will be."""

    frames: int
    rate: Fraction
    sound: tuple[int, ...]  # cells that are heard, from 0

    @property
    def length(self) -> Fraction:
        """Seconds: whole pictures."""
        return self.frames / self.rate


def plan(cells: Sequence[build.Cell], length: Length, audio: int | Literal["mix"]) -> Plan:
    """Decide length, rate and sound of a grid (pure).

    Args:
        cells: the videos.
        length: ``shortest`` ends with the first to end; ``longest`` holds the others' last pictures.
        audio: 1 for the sound of the first cell and so on, ``mix`` for all, 0 for silence.

    Raises:
        InputError: a video does not say how long it is.
        UserError: there is no such cell.
    """
    durations = []
    for cell in cells:
        duration = cell.info.video.duration or cell.info.duration
        if not duration or duration <= 0:
            raise InputError(f"{cell.path.name} does not say how long it is; re-encode it first.")
        durations.append(duration)
    if audio != "mix" and not 0 <= audio <= len(cells):
        raise UserError(f"There is no cell {audio} to hear: the grid has {len(cells)}; 0 is silence.")
    rates = [min(cell.info.video.frame_rate or Fraction(25), _MAX_RATE) for cell in cells]
    heard = range(len(cells)) if audio == "mix" else () if audio == 0 else (audio - 1,)
    wanted, rate = min(durations) if length == "shortest" else max(durations), max(rates)
    return Plan(
        frames=max(1, round(wanted * rate)),
        rate=rate,
        sound=tuple(index for index in heard if cells[index].info.audio_tracks),
    )


def look(bench: Workbench, videos: Sequence[Video]) -> list[build.Cell]:
    """The cells that ``videos`` will be.

    Raises:
        InputError: one cannot be used.
        CapabilityError: one is HDR and this ffmpeg cannot show it otherwise.
    """
    cells = []
    for video in videos:
        path = bench.source(video)
        cells.append(build.Cell(path, probe(path)))
        bench.transcoder.require_tone_mapping(cells[-1].info)
    return cells


def produce(
    bench: Workbench,
    videos: Sequence[Video],
    cells: Sequence[build.Cell],
    decided: Plan,
    h264: build.H264,
    folder: Path,
    product: Product,
) -> tuple[Video, Cost, Effort]:
    """Make the grid in ``folder`` and publish it; answers with the record, what it cost and what it took.

    Args:
        bench: what to work with.
        videos: the records of the cells.
        cells: a square number of them, row by row.
        decided: see ``plan``.
        h264: how to encode.
        folder: the workspace of ``product.recipe``.
        product: what it becomes; its expectation is filled in here.

    Raises:
        GpuBusy, FfmpegFailed, Stalled, DiskFull, OutputRejected: it went wrong; nothing was published.
    """
    heard, small = len(decided.sound), len(cells) > _AT_ONCE
    bench.disk.require(
        room.grid(SIZE, decided.rate, decided.length, h264, bench.chunk_seconds, heard=heard, kept=small)
    )
    made_small = 0.7 if small else 0.0  # of the work
    with parts_of(bench, product.recipe, folder) as parts:
        if small:
            share = Part(bench.report, 0, made_small)
            cells = [_small(parts, video, cells, number, decided, share) for number, video in enumerate(videos)]
        staged = folder / "output.mp4"
        film = _film(cells, decided, product.recipe)
        parts.film(film, h264, staged, Part(bench.report, made_small, 0.95))
        expected = Expectation(
            duration=decided.length,
            frames=decided.frames,
            size=SIZE,
            audio_tracks=1 if decided.sound else 0,
            sounds_throughout=True,
        )
        made = publish(bench, staged, replace(product, expected=expected))
    spent = [(step, step.energy) for step in parts.spent]
    read = sum(video.size for video in videos)
    return made, cost_of_all(spent, decided.length, bytes_in=read, bytes_out=made.size), parts.effort


def _film(cells: Sequence[build.Cell], decided: Plan, key: str) -> Film:
    columns = round(len(cells) ** 0.5)

    def whole(way: build.H264, target: Path) -> Sequence[str]:
        return build.grid(
            cells, target, way, columns=columns, size=SIZE, rate=decided.rate, length=decided.length,
            sound=decided.sound,
        )  # fmt: skip

    def graph(first: int) -> Any:
        return build.stacked_cells(cells, columns=columns, size=SIZE, rate=decided.rate, first=first)

    sound = build.mixed_cells(cells, decided.sound, decided.length) if decided.sound else None
    seen = Pictures("the grid", recipe("stacked", [], job=key), decided.frames, decided.rate, graph)
    return Film(seen, sound, whole, heard={"ac": 2})


def _small(
    parts: Parts, video: Video, cells: Sequence[build.Cell], number: int, decided: Plan, report: Part
) -> build.Cell:
    """One cell made small, nearly without loss, or found as an earlier run made it."""
    columns, cell, sound = round(len(cells) ** 0.5), cells[number], number in decided.sound
    size, name = (SIZE[0] // columns, SIZE[1] // columns), f"cell {number + 1}"
    expected = Expectation(audio_codec=None, audio_tracks=1 if sound else 0)
    share = Part(report, number / len(cells), (number + 1) / len(cells))

    def make(target: Path) -> dict[str, Any]:
        line = build.cell(cell, target, size=size, rate=decided.rate, length=decided.length, sound=sound)
        encoded = parts.metered(line, _IN_SOFTWARE, share, decided.length)
        verify_part(target, expected, name)
        return {"frames": encoded.last.frames}

    of = recipe(
        "cell", [fingerprint(video, cell.path)], size=size, rate=str(decided.rate), length=str(decided.length),
        sound=sound,
    )  # fmt: skip
    path = parts.whole(of, name, make).path
    return build.Cell(path, probe(path))
