"""What a frame declares of the light it was graded for: the metadata of HDR (SMPTE ST 2086, CTA-861.3).

libavutil keeps both as plain structures: ``mastering_display_metadata.h``.
"""

from __future__ import annotations

import struct
from typing import Any, Final

_MASTERING: Final = "MASTERING_DISPLAY_METADATA"
_CONTENT: Final = "CONTENT_LIGHT_LEVEL"
#: Where the greatest luminance stands, as numerator and denominator, and whether it is given.
_GREATEST: Final = (72, "=ii")
_GIVEN: Final = (84, "=i")
#: The brightest that PQ has, in cd/m2.
_MOST: Final = 10_000


def declares_light(frame: Any) -> bool:
    """Whether a frame has such metadata: only HDR of PQ does."""
    return any(frame.side_data.get(kind) is not None for kind in (_MASTERING, _CONTENT))


def peak(frame: Any) -> int | None:
    """The brightest that a frame's video shows: its content where that is said, else the display it was graded on.

    Returns:
        cd/m2; None where it does not say.
    """
    content = frame.side_data.get(_CONTENT)
    if content is not None and (brightest := struct.unpack_from("=I", bytes(content))[0]):
        return min(_MOST, int(brightest))
    display = frame.side_data.get(_MASTERING)
    if display is None:
        return None
    data = bytes(display)
    over, under = struct.unpack_from(_GREATEST[1], data, _GREATEST[0])
    (given,) = struct.unpack_from(_GIVEN[1], data, _GIVEN[0])
    return min(_MOST, over // under) if given and under > 0 and over >= under else None
