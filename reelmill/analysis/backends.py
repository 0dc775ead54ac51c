"""Who finds a video's tags: one interface; the classical signals always, a model beside them where a site has one."""

from __future__ import annotations

import os
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import ClassVar, Final, Protocol

from reelmill.analysis import tags
from reelmill.analysis.signals import Signals
from reelmill.analysis.tags import Tag
from reelmill.ffmpeg.probe import MediaInfo
from reelmill.scheduling.admitted import admitted_mb

#: Read by the libraries as they are imported: whatever they would fetch, they do without.
_OFFLINE: Final = ("HF_HUB_OFFLINE", "HF_HUB_DISABLE_TELEMETRY")


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

    peak_mb: int | None  # None where no card was used: nothing was measured
    admitted_mb: int | None  # None where nobody counts


class BackEnd(Protocol):
    """Finds tags."""

    @property
    def name(self) -> str:
        """For people."""

    @property
    def device(self) -> str:
        """Where it computes: ``cpu``, or a card's name."""

    def tags(self, subject: Subject) -> list[Tag]:
        """What there is to say, the surest first; the same for the same video.

        Raises:
            GpuBusy: the card had too little memory.
        """

    def vram(self) -> Vram:
        """GPU memory taken up to now."""


class Classical:
    """Tags from what was measured: needs no model and no card."""

    name: ClassVar[str] = "classical signals"
    device: ClassVar[str] = "cpu"

    def tags(self, subject: Subject) -> list[Tag]:
        """See ``BackEnd.tags``."""
        return tags.tags(subject.info, subject.signals, subject.cuts)

    def vram(self) -> Vram:
        """See ``BackEnd.vram``."""
        return Vram(peak_mb=None, admitted_mb=admitted_mb())


@dataclass(frozen=True)
class Choice:
    """Which back ends serve here, the one to believe first, and why there is no model among them, if there is none."""

    back_ends: tuple[BackEnd, ...]
    why_no_model: str | None


def choose(folder: Path | None) -> Choice:
    """The back ends this machine has.

    Args:
        folder: of a model, as the setting ``REELMILL_MODELS`` names it.

    Raises:
        CapabilityError: the folder holds no model that can be used.
        GpuBusy: the card has too little memory for it.
    """
    if folder is None:
        return Choice((Classical(),), "REELMILL_MODELS names no folder with a model")
    os.environ.update(dict.fromkeys(_OFFLINE, "1"))
    try:
        # Only here: importing PyTorch takes seconds, and it is not there without the extra.
        from reelmill.analysis.zeroshot import ZeroShot
    except ImportError as error:
        return Choice((Classical(),), f"the extra [ai] is not installed ({error}); `make ai` installs it")
    return Choice((ZeroShot(folder), Classical()), None)
