"""The interface of whatever finds a video's tags."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Protocol

from reelmill.analysis.scoring.signals import Signals
from reelmill.analysis.tagging.rules import Tag
from reelmill.ffmpeg.reading.probe import MediaInfo


@dataclass(frozen=True)
class Subject:
    """A video to find words for, and what is known of it."""

    path: Path
    info: MediaInfo
    duration: Fraction  # seconds that there really are
    signals: Signals
    cuts: int


@dataclass(frozen=True)
class Vram:
    """GPU memory in MB of 2**20 bytes: what was taken at most, and what the job was admitted to."""

    peak_mb: int | None  # None where no GPU was used: nothing was measured
    admitted_mb: int | None  # None where nobody counts


class BackEnd(Protocol):
    """Finds tags."""

    @property
    def name(self) -> str:
        """For people."""

    @property
    def device(self) -> str:
        """Where it computes: ``cpu``, or a GPU's name."""

    def tags(self, subject: Subject) -> list[Tag]:
        """Find the tags of a video, the surest first; the same for the same video.

        Raises:
            GpuBusy: it had too little memory.
        """

    def vram(self) -> Vram:
        """GPU memory taken up to now."""
