"""What an encode cost, and what it was worth (pure)."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import Final, TypeVar

from pydantic import BaseModel, ConfigDict

from reelmill.ffmpeg.process.run import ProcessResult
from reelmill.hardware.energy import Energy

Number = TypeVar("Number", int, float)

#: VMAF points that three in four viewers just notice.
#: Source: J. Ozer, "Finding the Just Noticeable Difference with Netflix VMAF", streaminglearningcenter.com, 2017.
NOTICEABLE: Final = 6.0


class Cost(BaseModel):
    """What making one file cost; None where a figure was not measured, never a 0 in its stead."""

    model_config = ConfigDict(frozen=True)

    seconds: float  # wall time of the encode alone
    cpu_seconds: float  # of the encoder's process, decoding and filters included
    speed: float  # seconds of video made per second
    bytes_in: int | None  # of the sources; None where they are generated
    bytes_out: int | None  # None where what came out went where nobody counts
    joules: float | None = None  # of the whole node meanwhile: see ``energy``
    joules_source: str  # which counters
    vmaf: float | None = None  # mean over all frames, 0 to 100
    efficiency: float | None = None  # see ``efficiency``
    encoder: str | None = None  # that did it, as its engine names it; None in records of before it was kept


def efficiency(bytes_in: int | None, bytes_out: int | None, cpu_seconds: float, vmaf: float | None) -> float | None:
    """Megabits saved per CPU second, halved for every difference a viewer would just notice.

    ``8e-6 * max(0, bytes_in - bytes_out) / cpu_seconds * 2 ** ((vmaf - 100) / 6)``

    A re-encode turns processor time into saved space, so that is the rate it is judged by. Saving alone would crown
    the encode that ruins the video: a file can shrink by all it has and no more, while quality can always be thrown
    away. So each just noticeable difference (6 VMAF points) from a perfect copy halves what the saving is worth: 60 %
    saved at VMAF 95 (0.34) beats 99 % saved at VMAF 60 (0.01). Compare encodes of the same source; a GPU's encodes
    only with each other, since its work is not in the CPU seconds.

    Returns:
        Mbit per CPU second; 0 where nothing was saved; None where an ingredient was not measured.
    """
    if bytes_in is None or bytes_out is None or vmaf is None or cpu_seconds <= 0:
        return None
    saved = 8e-6 * max(0, bytes_in - bytes_out)
    return float(saved / cpu_seconds * 2 ** ((vmaf - 100) / NOTICEABLE))


def cost_of(
    result: ProcessResult,
    energy: Energy,
    length: Fraction | float,
    *,
    bytes_in: int | None,
    bytes_out: int | None,
    vmaf: float | None = None,
) -> Cost:
    """What one encode cost.

    Args:
        result: of the encode's process.
        energy: as it was measured meanwhile.
        length: seconds of video that were made.
        bytes_in: of the sources together; None where they are generated.
        bytes_out: of what was made.
        vmaf: 0 to 100, where it was measured.

    Returns:
        The cost, with its efficiency where a VMAF is given.
    """
    return Cost(
        seconds=result.seconds,
        cpu_seconds=result.cpu_seconds,
        speed=float(length) / result.seconds,
        bytes_in=bytes_in,
        bytes_out=bytes_out,
        joules=energy.joules,
        joules_source=energy.source,
        vmaf=vmaf,
        efficiency=efficiency(bytes_in, bytes_out, result.cpu_seconds, vmaf),
    )


def cost_of_all(
    steps: Sequence[tuple[ProcessResult, Energy]],
    length: Fraction | float,
    *,
    bytes_in: int | None,
    bytes_out: int | None,
) -> Cost:
    """What a film cost that was made in several steps, one after the other; arguments as ``cost_of``'s."""
    seconds = sum(result.seconds for result, _ in steps)
    joules = [energy.joules for _, energy in steps]
    measured = [one for one in joules if one is not None]
    return Cost(
        seconds=seconds,
        cpu_seconds=sum(result.cpu_seconds for result, _ in steps),
        speed=float(length) / seconds,
        bytes_in=bytes_in,
        bytes_out=bytes_out,
        joules=sum(measured) if len(measured) == len(joules) else None,
        joules_source=steps[0][1].source,
    )


def total(costs: Sequence[Cost]) -> Cost | None:
    """What several files cost together; None where none was made, and None for what was not measured of all."""
    if not costs:
        return None
    seconds = sum(cost.seconds for cost in costs)
    return Cost(
        seconds=seconds,
        cpu_seconds=sum(cost.cpu_seconds for cost in costs),
        speed=sum(cost.speed * cost.seconds for cost in costs) / seconds if seconds else 0.0,
        bytes_in=_sum_of([cost.bytes_in for cost in costs]),
        bytes_out=_sum_of([cost.bytes_out for cost in costs]),
        joules=_sum_of([cost.joules for cost in costs]),
        joules_source=costs[0].joules_source,
        encoder=costs[0].encoder,
    )


def _sum_of(figures: Sequence[Number | None]) -> Number | None:
    known = [figure for figure in figures if figure is not None]
    return sum(known, start=type(known[0])()) if known and len(known) == len(figures) else None


def with_vmaf(cost: Cost, vmaf: float) -> Cost:
    """``cost`` with a VMAF that was measured later."""
    worth = efficiency(cost.bytes_in, cost.bytes_out, cost.cpu_seconds, vmaf)
    return cost.model_copy(update={"vmaf": vmaf, "efficiency": worth})


def with_encoder(cost: Cost, encoder: str) -> Cost:
    """``cost`` with the encoder that did it."""
    return cost.model_copy(update={"encoder": encoder})
