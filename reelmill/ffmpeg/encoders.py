"""Which encoders really work on a machine."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from reelmill.ffmpeg.binary import usable

#: The encoders Reelmill can use.
KNOWN: Final = ("libx264", "h264_nvenc")


def working_encoders(ffmpeg: Path) -> tuple[str, ...]:
    """Those that pass a test encode of one frame."""
    return tuple(name for name in KNOWN if usable(ffmpeg, name))
