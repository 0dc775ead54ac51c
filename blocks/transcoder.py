"""How the site encodes, where a job does not choose otherwise."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, ClassVar, Final

from pydantic import Field

from blocks.stored import SiteBlock, Unlike
from reelmill.ffmpeg.transcoder import TranscoderOptions
from reelmill.hardware.backends import EncoderChoice

_LONGEST: Final = 30 * 86_400.0  # seconds

#: As long as a path may be on Linux.
ProgramPath = Annotated[str, Field(max_length=4096), Unlike(r"[\u0000-\u001f\u007f]", "the path of a program")]


class TranscoderSettings(SiteBlock):
    """ffmpeg, encoder and time-outs for every job of the site."""

    _block_type_name: ClassVar[str | None] = "Reelmill transcoder"
    _block_type_slug: ClassVar[str | None] = "reelmill-transcoder"
    _description: ClassVar[str | None] = "Which ffmpeg and encoder to use, and when to give up on one."

    binary: ProgramPath | None = Field(
        default=None,
        description="Path of ffmpeg on every node; empty: PATH, then the bundled one. Every node runs the program at "
        "this path: whoever may change settings chooses what jobs run.",
    )
    encoder: EncoderChoice = Field(default="auto", description="H.264 encoder of jobs that leave it to the site.")
    software_fallback: bool = Field(
        default=True,
        description="A GPU encode that fails for want of a session or memory is done in software instead; "
        "off: the job waits and tries again.",
    )
    threads: int | None = Field(default=None, ge=1, le=256, description="Encoder threads; empty: ffmpeg decides.")
    stall_timeout: float = Field(
        default=300.0, gt=0, le=_LONGEST, description="Seconds without progress after which an ffmpeg is ended."
    )
    total_timeout: float | None = Field(
        default=None,
        gt=0,
        le=_LONGEST,
        description="Seconds an ffmpeg may run in all; empty: as long as it makes progress.",
    )
    max_height: int = Field(
        default=1080,
        ge=0,
        le=4320,
        description="The most lines of web copies whose job does not choose; 0: as many as their source has.",
    )

    def options(self) -> TranscoderOptions:
        """As the library takes them."""
        return TranscoderOptions(
            binary=Path(self.binary) if self.binary else None,
            encoder=self.encoder,
            software_fallback=self.software_fallback,
            threads=self.threads,
            stall_timeout=self.stall_timeout,
            total_timeout=self.total_timeout,
            max_height=self.max_height,
        )
