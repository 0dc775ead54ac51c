"""A grid: videos side by side and one above the other, each fitted into its cell without distortion."""

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
from reelmill.operations.publish import Product, publish
from reelmill.operations.workbench import Workbench
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
    made_small = 0.0 if len(cells) <= _AT_ONCE else 0.7  # of the work
    heard, kept = len(decided.sound), bool(made_small)
    bench.disk.require(room.grid(SIZE, decided.rate, decided.length, h264, heard=heard, kept=kept))
    if made_small:
        cells = [
            _small(bench, cells, number, decided, folder, Part(bench.report, 0, made_small), steps)
            for number in range(len(cells))
        ]
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


def _small(
    bench: Workbench,
    cells: Sequence[build.Cell],
    number: int,
    decided: Plan,
    folder: Path,
    report: Part,
    steps: list[Encoded],
) -> build.Cell:
    columns = round(len(cells) ** 0.5)
    target = folder / f"{number}.mkv"
    arguments = build.cell(
        cells[number], target, size=(SIZE[0] // columns, SIZE[1] // columns), rate=decided.rate,
        length=decided.length, sound=number in decided.sound,
    )  # fmt: skip
    share = Part(report, number / len(cells), (number + 1) / len(cells))
    steps.append(bench.transcoder.metered(arguments, _IN_SOFTWARE, share, decided.length))
    expected = Expectation(audio_codec=None, audio_tracks=1 if number in decided.sound else 0)
    return build.Cell(target, verify_part(target, expected, f"cell {number + 1}"))
