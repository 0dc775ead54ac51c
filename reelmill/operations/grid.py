"""A grid: videos side by side and one above the other, each fitted into its cell without distortion.

The cells of a large one are kept until the whole is published: a run that is killed does not make them again. The whole
is one encode, which begins anew.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import Final, Literal

from reelmill.catalogue.models import Video
from reelmill.errors import InputError, UserError
from reelmill.ffmpeg import build
from reelmill.ffmpeg.cost import Cost, cost_of_all
from reelmill.ffmpeg.probe import probe
from reelmill.ffmpeg.transcoder import Encoded
from reelmill.ffmpeg.verify import Expectation, verify_part
from reelmill.operations import room
from reelmill.operations.parts import Parts, part_key
from reelmill.operations.publish import Product, publish
from reelmill.operations.workbench import Workbench
from reelmill.report import Part, Report

Length = Literal["shortest", "longest"]

SIZE: Final = (1920, 1080)
#: No source of a grid is shown faster than this; twice the pictures in a part of the space serve nobody.
_MAX_RATE: Final = Fraction(60)
#: A grid of more is made in two steps: each video made small by itself, so that no two large ones are ever open.
_AT_ONCE: Final = 4
_IN_SOFTWARE: Final = "libx264"
_CELL: Final = Path("cell")


@dataclass(frozen=True)
class Plan:
    """What the grid will be."""

    length: Fraction  # seconds
    rate: Fraction
    sound: tuple[int, ...]  # cells that are heard, from 0

    @property
    def frames(self) -> int:
        """Pictures that begin before the end."""
        return math.ceil(self.length * self.rate)

    def counted(self, frames: int) -> int:
        """What must be in the file: as many as ffmpeg says it wrote, where only rounding of the end parts the two."""
        return frames if abs(frames - self.frames) <= 1 else self.frames


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
    return Plan(
        length=min(durations) if length == "shortest" else max(durations),
        rate=max(rates),
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
) -> tuple[Video, Cost]:
    """Make the grid in ``folder`` and publish it; answers with the record and what it cost.

    Args:
        bench: what to work with.
        videos: the records of the cells.
        cells: a square number of them, row by row.
        decided: see ``plan``.
        h264: how to encode.
        folder: a workspace.
        product: what it becomes; its expectation is filled in here.

    Raises:
        GpuBusy, FfmpegFailed, Stalled, DiskFull, OutputRejected: it went wrong; nothing was published.
    """
    columns = round(len(cells) ** 0.5)
    steps: list[Encoded] = []
    large = len(cells) > _AT_ONCE
    made_small = 0.7 if large else 0.0  # of the work
    bench.disk.require(room.grid(SIZE, decided.rate, decided.length, h264, heard=len(decided.sound), kept=large))
    small = _Small(bench, videos if large else (), cells, decided, product.recipe)
    with small.parts:
        if large:
            cells, steps = small.made(Part(bench.report, 0, made_small))
        staged = folder / "output.mp4"

        def arguments(way: build.H264) -> Sequence[str]:
            return build.grid(
                cells, staged, way, columns=columns, size=SIZE, rate=decided.rate, length=decided.length,
                sound=decided.sound,
            )  # fmt: skip

        finished = bench.transcoder.encode(arguments, h264, Part(bench.report, made_small, 0.95), decided.length)
        expected = Expectation(
            duration=decided.length,
            frames=decided.counted(finished.last.frames),
            size=SIZE,
            audio_tracks=1 if decided.sound else 0,
            sounds_throughout=True,
        )
        made = publish(bench, staged, replace(product, expected=expected))
    spent = [(step, step.energy) for step in (*steps, finished)]
    read = sum(video.size for video in videos)
    return made, cost_of_all(spent, decided.length, bytes_in=read, bytes_out=made.size)


class _Small:
    """The cells of a large grid, each made small by itself.

    Args:
        bench: what to work with.
        videos: the records of those that are to be made small.
        cells: the videos.
        decided: of the grid.
        film: its recipe.
    """

    def __init__(
        self, bench: Workbench, videos: Sequence[Video], cells: Sequence[build.Cell], decided: Plan, film: str
    ) -> None:
        self._bench, self._cells, self._plan = bench, cells, decided
        self._columns = round(len(cells) ** 0.5)
        self._keys = [
            part_key(bench, video, cells[number].path, self._line(number, _CELL)) for number, video in enumerate(videos)
        ]
        self.parts = Parts(bench, film, self._keys)

    def made(self, report: Report) -> tuple[list[build.Cell], list[Encoded]]:
        """All of them, and what each cost."""
        count = len(self._keys)
        found = [self._cell(number, Part(report, number / count, (number + 1) / count)) for number in range(count)]
        return [cell for cell, _ in found], [encoded for _, encoded in found]

    def _cell(self, number: int, report: Report) -> tuple[build.Cell, Encoded]:
        name = f"cell {number + 1}"

        def encode(target: Path) -> Encoded:
            line = self._line(number, target)
            encoded = self._bench.transcoder.metered(line, _IN_SOFTWARE, report, self._plan.length)
            expected = Expectation(audio_codec=None, audio_tracks=1 if number in self._plan.sound else 0)
            verify_part(target, expected, name)
            return encoded

        path, encoded = self.parts.made(self._keys[number], name, encode)
        return build.Cell(path, probe(path)), encoded

    def _line(self, number: int, target: Path) -> Sequence[str]:
        return build.cell(
            self._cells[number], target, size=(SIZE[0] // self._columns, SIZE[1] // self._columns),
            rate=self._plan.rate, length=self._plan.length, sound=number in self._plan.sound,
        )  # fmt: skip
