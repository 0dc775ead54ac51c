"""A time range of a video as an input of ffmpeg that begins exactly where it should. Pure, as ``filters`` is."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import ffmpeg

from reelmill.ffmpeg.commands.filters import seconds
from reelmill.ffmpeg.reading.probe import media_url
from reelmill.ffmpeg.reading.seeking import LEAST, SeekPoint


@dataclass(frozen=True)
class Excerpt:
    """The tracks of a file from a moment on, as streams of ffmpeg-python whose times count from it."""

    media: Any
    cut: tuple[str, ...] | None  # the moment, and the end, on the file's own clock; None: ffmpeg itself begins there

    def video(self, index: int) -> Any:
        """A video track, ``index`` among those of the file."""
        return self._from(self.media[f"v:{index}"], "trim", "setpts")

    def audio(self, index: int) -> Any:
        """An audio track, ``index`` among those of the file."""
        return self._from(self.media[f"a:{index}"], "atrim", "asetpts")

    def _from(self, stream: Any, trim: str, shift: str) -> Any:
        if self.cut is None:
            return stream
        bounds = dict(zip(("start", "end"), self.cut, strict=False))
        return stream.filter(trim, **bounds).filter(shift, f"PTS-{bounds['start']}/TB")


def excerpt(
    source: Path, seek_point: SeekPoint, begin: Fraction, end: Fraction | None = None, **reading: Any
) -> Excerpt:
    """What ffmpeg reads of a file from ``begin`` on.

    A container that finds a moment is sent there. In any other one reading begins at ``seek_point.seek``, with the
    file's own times (``-copyts``): ffmpeg would count them from the first frame of the tracks that it happens to read.

    Args:
        source: the file.
        seek_point: how the frame on show at ``begin`` or soon after is reached.
        begin: seconds from the start of the file; less than 0 is the start, without a seek.
        end: seconds; None reads on.
        reading: more options of the input.

    Returns:
        The tracks of the file from then on.
    """
    found = seek_point.seek is None
    sought = begin if seek_point.seek is None else min(seek_point.seek, begin)
    if not found and sought < LEAST:
        sought = Fraction(-1)
    if sought >= 0:
        reading["ss"] = seconds(sought)
    if end is not None:
        reading["t"] = seconds(end - max(Fraction(0), sought))
    if found:
        return Excerpt(ffmpeg.input(media_url(source), **reading), None)
    media = ffmpeg.input(media_url(source), copyts=None, **reading)
    moments = [max(Fraction(0), begin)] if end is None else [max(Fraction(0), begin), end]
    return Excerpt(media, tuple(seconds(seek_point.clock + moment) for moment in moments))
