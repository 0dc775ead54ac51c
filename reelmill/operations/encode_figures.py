"""What a job's encodes cost, as its run carries it (pure)."""

from __future__ import annotations

from typing import Final

from reelmill.ffmpeg.codecs import CODECS
from reelmill.ffmpeg.process.cost import Cost
from reelmill.hardware.backends import SOFTWARE
from reelmill.queue.encode_labels import COPY, EncodeFigures

_BACKENDS: Final = {encoder.name: encoder.backend.name for codec in CODECS for encoder in codec.encoders}


def engine_of(encoder: str | None) -> str:
    """What kind of thing an encoder is.

    Args:
        encoder: as ffmpeg or GStreamer names it.

    Returns:
        The name of its back end, ``software`` or ``nvenc``; ``copy`` where streams were taken over as they are.
    """
    return COPY if encoder == COPY else _BACKENDS.get(encoder or "", SOFTWARE.name)


def encode_figures(cost: Cost) -> EncodeFigures:
    """The cost of a run's encodes, as its labels hold it."""
    return EncodeFigures(
        engine=engine_of(cost.encoder),
        speed=round(cost.speed, 4),
        bytes_in=cost.bytes_in,
        bytes_out=cost.bytes_out,
        vmaf=None if cost.vmaf is None else round(cost.vmaf, 2),
        joules=None if cost.joules is None else round(cost.joules, 1),
    )
