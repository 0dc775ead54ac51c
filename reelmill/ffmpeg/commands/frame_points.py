"""The part of a command line that writes the points of each frame that its encoder is given."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import ffmpeg

from reelmill.ffmpeg.reading.frames.frame_points import SIDE
from reelmill.ffmpeg.reading.probe import media_url

#: What every encoder is given, see ``Encoding.options``.
_FORMAT: Final = "yuv420p"
#: Raw bytes, a frame for each that is encoded, whenever it is shown; written at once, so that a chunk's are there when
#: it is.
_AS_THEY_ARE: Final = {
    "f": "rawvideo", "fps_mode:v": "passthrough", "enc_time_base:v": "filter", "flush_packets": 1,
}  # fmt: skip


def points_beside(video: Any, target: Path | None) -> tuple[Any, tuple[Any, ...]]:
    """Split a stream between its encoder and a file of points.

    Args:
        video: filtered, just as it is to be encoded.
        target: the file of points to write; None: none is wanted.

    Returns:
        The stream to encode, and the outputs to write beside it.
    """
    if target is None:
        return video, ()
    split = video.filter("format", _FORMAT).filter_multi_output("split", 2)
    small = (
        split[1].filter("scale", SIDE, SIDE, flags="neighbor").filter("format", _FORMAT).filter("extractplanes", "y")
    )
    return split[0], (ffmpeg.output(small, media_url(target), **_AS_THEY_ARE),)
