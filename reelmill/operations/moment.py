"""A moment of a video that somebody asks for: is there a frame at all?"""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Final

from av.video.frame import VideoFrame

from reelmill.errors import WrongParameter
from reelmill.ffmpeg.reading.decode import frame_on_show
from reelmill.ffmpeg.reading.seeking import SeekPoint

#: Seconds that the last frame of a video of unknown length stands.
_STANDS: Final = 1


def reached(name: str, source: Path, at: Fraction, length: Fraction | None) -> SeekPoint:
    """How the frame on show at a moment is reached; see ``shown``."""
    return shown(name, source, at, length)[0]


def shown(name: str, source: Path, at: Fraction, length: Fraction | None) -> tuple[SeekPoint, VideoFrame]:
    """The frame on show at a moment.

    Args:
        name: of the video, for people.
        source: its file.
        at: seconds from the start.
        length: of the video in seconds; None where it does not say, as elementary streams do not.

    Returns:
        Where to seek to, and what is to be decoded from there; and the frame.

    Raises:
        WrongParameter: a video of unknown length has ended by then.
        NotAVideo: no frame decodes.
    """
    seek_point, frame = frame_on_show(source, at)
    if length is None and seek_point.following is None and at - seek_point.shown >= _STANDS:
        shown = f"the last frame of {name} is shown at {float(seek_point.shown):.2f} s"
        raise WrongParameter(f"There is nothing to show at {float(at):g} s: {shown}.", "timestamp", float(at))
    return seek_point, frame
