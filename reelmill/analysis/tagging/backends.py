"""Which back ends find a video's tags: the classical signals always, a model beside them where a site has one."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Final

from reelmill.analysis.tagging import rules
from reelmill.analysis.tagging.back_end import BackEnd, Subject, Vram
from reelmill.analysis.tagging.rules import Tag
from reelmill.hardware.vram_share import admitted_mb

#: Read by the libraries as they are imported: whatever they would fetch, they do without.
_OFFLINE: Final = ("HF_HUB_OFFLINE", "HF_HUB_DISABLE_TELEMETRY")


class Classical:
    """Tags from what was measured: needs no model and no GPU."""

    name: ClassVar[str] = "classical signals"
    device: ClassVar[str] = "cpu"

    def tags(self, subject: Subject) -> list[Tag]:
        """See ``BackEnd.tags``."""
        return rules.tags(subject.info, subject.signals, subject.cuts)

    def vram(self) -> Vram:
        """See ``BackEnd.vram``."""
        return Vram(peak_mb=None, admitted_mb=admitted_mb())


@dataclass(frozen=True)
class Choice:
    """Which back ends serve here, the one to believe first, and why there is no model among them, if there is none."""

    back_ends: tuple[BackEnd, ...]
    why_no_model: str | None


def choose(folder: Path | None) -> Choice:
    """Choose from the back ends that this node has.

    Args:
        folder: of a model, as the setting ``REELMILL_MODELS`` names it.

    Returns:
        Those that serve, a model first.

    Raises:
        CapabilityError: the folder holds no model that can be used.
        GpuBusy: the GPU has too little memory for it.
    """
    if folder is None:
        return Choice((Classical(),), "REELMILL_MODELS names no folder with a model")
    os.environ.update(dict.fromkeys(_OFFLINE, "1"))
    try:
        # Only here: importing PyTorch takes seconds, and it is not there without the extra.
        from reelmill.analysis.tagging.zero_shot import ZeroShot
    except ImportError as error:
        return Choice((Classical(),), f"the extra [ai] is not installed ({error}); `make ai` installs it")
    return Choice((ZeroShot(folder), Classical()), None)
