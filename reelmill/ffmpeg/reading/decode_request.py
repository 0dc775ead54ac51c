"""What is wanted of a file while it is decoded: rasters of frames at given moments, levels of its audio."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from av.video.frame import VideoFrame

from reelmill.ffmpeg.reading.frames.raster import WHOLE, Box, Raster, raster

#: How far times may be off that mean the same, in seconds: Matroska rounds to milliseconds.
_ROUNDING: Final = 0.001


@dataclass(frozen=True)
class FrameRequest:
    """When a frame is wanted, and which part of it."""

    at: float  # seconds after the first frame of the file
    box: Box = WHOLE


@dataclass(frozen=True)
class DecodeRequest:
    """All that is wanted of one file while it is decoded."""

    frames: tuple[FrameRequest, ...] = ()  # in ascending order
    levels: bool = False  # of each audio track
    layouts: tuple[str | None, ...] = ()  # what each track is mixed to; None, or none: as it is
    points: bool = False  # of each frame
    first: float | None = None  # when the file's first frame is shown, on its own clock; None: the first that decodes

    def layout(self, track: int) -> str | None:
        """What the track of that number is mixed to."""
        return self.layouts[track] if track < len(self.layouts) else None


NO_REQUEST: Final = DecodeRequest()


class _RecentFrame:
    """A frame that several moments may want; each raster of it is made once."""

    def __init__(self, frame: VideoFrame):
        self._frame = frame
        self._made: dict[Box, Raster] = {}

    def raster(self, box: Box) -> Raster:
        """The raster of a part of it."""
        if box not in self._made:
            self._made[box] = raster(self._frame, box)
        return self._made[box]


class FramePicker:
    """Picks the rasters wanted from frames that are added in the order they are shown.

    Of each moment there are the two frames up to it and the one after it: a copy may show a frame one earlier or later.
    """

    def __init__(self, request: DecodeRequest):
        self._wanted, self._first = request.frames, request.first
        self._before: list[_RecentFrame] = []
        self.picked: list[tuple[Raster, ...]] = []

    def add(self, time: float, frame: VideoFrame) -> None:
        """Add the frame that is shown from ``time`` seconds on."""
        recent = _RecentFrame(frame)
        if self._first is None:
            self._first = time
        while self._waits and self._wanted[len(self.picked)].at < time - self._first - _ROUNDING:
            self._pick([*self._before, recent])
        self._before = [*self._before[-1:], recent]

    @property
    def _waits(self) -> bool:
        return len(self.picked) < len(self._wanted)

    def _pick(self, frames: Sequence[_RecentFrame]) -> None:
        box = self._wanted[len(self.picked)].box
        self.picked.append(tuple(frame.raster(box) for frame in frames))

    def end(self) -> tuple[tuple[Raster, ...], ...]:
        """The rasters around each moment; for moments after the last frame, those of the last ones."""
        while self._waits:
            self._pick(self._before)
        return tuple(self.picked)
