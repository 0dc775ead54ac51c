"""Back ends that encode video: the CPU, and the GPUs of each vendor. A new vendor is a row here."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

#: What a person may choose for a job or a site; ``auto`` leaves it to the site, then to what the node has.
EncoderChoice = Literal["auto", "x264", "nvenc"]
#: What a person may choose for a load test, whose software encoder is seldom x264.
LoadChoice = Literal["auto", "software", "nvenc"]


@dataclass(frozen=True)
class Backend:
    """Something that encodes video, whatever the codec."""

    name: str  # a ``LoadChoice``
    choice: str  # an ``EncoderChoice``
    vendor: str | None = None  # of its GPUs, as ``gpu.Gpu.vendor`` has it; None: it is the CPU, and needs no VRAM


SOFTWARE: Final = Backend("software", "x264")
NVENC: Final = Backend("nvenc", "nvenc", "nvidia")

BACKENDS: Final = (SOFTWARE, NVENC)
