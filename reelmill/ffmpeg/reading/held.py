"""How long a file goes on, where its header promises more than so few bytes can hold."""

from __future__ import annotations

import math
from fractions import Fraction
from pathlib import Path
from typing import Final

from reelmill.ffmpeg.reading.seeking import Footage

#: Bytes a second that hardly a video goes below; one that does is read through, which is quick for the same reason.
_FEW: Final = 100


def held_seconds(path: Path, promised: Fraction) -> Fraction:
    """The length that work on a file is planned for: what is promised, or what its packets hold where that is absurd.

    Args:
        path: the file.
        promised: seconds, by its header.

    Returns:
        No more than that; at least the second in which the last packet is shown.

    Raises:
        NotAVideo, FileMissing, InputError: the file does not open.
    """
    if path.stat().st_size >= _FEW * promised:
        return promised
    with Footage(path) as footage:
        last = max((time for time, packet in footage.packets() if time is not None and packet.size), default=None)
    return promised if last is None else min(promised, Fraction(math.floor(last) + 1))
