"""Frames of a source that a copy is compared with, each taken where it costs little."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice, takewhile
from pathlib import Path
from types import TracebackType
from typing import Any, Final, NamedTuple, Self

from av.error import FFmpegError
from av.packet import Packet
from av.video.frame import VideoFrame

from reelmill.ffmpeg.reading.decode import fast_video_stream
from reelmill.ffmpeg.reading.demuxing import demuxed
from reelmill.ffmpeg.reading.probe import open_media

#: How far before the time wanted a seek is tried, in seconds: MPEG streams have no index and land late, and AVI rounds.
_STEPS_BACK: Final = (0, 0.5, 3, 12, 60, float("inf"))
#: Below this many frames a second every one is decoded: each is on show for long.
_FEW: Final = 10
#: A seek to a little before a window's end, in seconds, so that a keyframe on it counts as the next window's.
_ASIDE: Final = 0.001
#: So many frames are kept about a moment.
_ABOUT: Final = 3


class SourceFrame(NamedTuple):
    """A frame and when it is shown, in seconds from the start of its file."""

    at: float
    frame: VideoFrame


class FramesAbout:
    """Three frames that follow one another, the second as near to a moment as may be, of many that pass by.

    Args:
        at: the moment, in seconds from the start of the file.
    """

    def __init__(self, at: float):
        self._at = at
        self._kept: deque[SourceFrame] = deque(maxlen=_ABOUT)

    def passing(self, frames: Iterable[SourceFrame]) -> Iterator[SourceFrame]:
        """The frames of which three are wanted, in their order, one by one."""
        for frame in frames:
            if len(self._kept) < _ABOUT or self._far(self._kept[-1]) < self._far(self._kept[-2]):
                self._kept.append(frame)
            yield frame

    def kept(self) -> Sequence[SourceFrame]:
        """The three; fewer where no more have passed."""
        return tuple(self._kept)

    def _far(self, frame: SourceFrame) -> float:
        return abs(frame.at - self._at)


def first_frame_time(path: Path) -> float:
    """When the first frame that decodes is shown.

    Returns:
        Seconds from the start of the file; 0 where none decodes.

    Raises:
        NotAVideo, FileMissing, InputError: the file does not open.
    """
    file = _VideoFile(path, exact=False)
    with file.container:
        return next((frame.at for packet in file.packets() for frame in file.frames(packet)), 0.0)


class _VideoFile:
    """One reading of a file's main video track; times in seconds from the start of the file."""

    def __init__(self, path: Path, exact: bool):
        self.container = open_media(path)
        self.stream = fast_video_stream(path, self.container)
        self.stream.thread_count = 1
        if exact:
            self.stream.codec_context.options = {}
        self.offset = (self.container.start_time or 0) / 1_000_000

    def seek(self, time: float) -> None:
        """To a keyframe at or before ``time``, or as near as the container finds one.

        Raises:
            FFmpegError: it cannot.
        """
        self.container.seek(int((self.offset + time) * 1_000_000), backward=True)

    def packets(self) -> Iterator[Packet[Any]]:
        """Packets that hold something, then the empty one; up to where the file cannot be read further."""
        try:
            for packet in demuxed(self.container, self.stream):
                if packet.size or (packet.pts is None and packet.dts is None):
                    yield packet
        except FFmpegError:
            return

    def time(self, packet: Packet[Any]) -> float | None:
        """When a packet's frame is shown."""
        if packet.pts is None or packet.time_base is None:
            return None
        return float(packet.pts * packet.time_base) - self.offset

    def frames(self, packet: Packet[Any]) -> list[SourceFrame]:
        """The whole frames that come out of the decoder; none where it does not decode."""
        try:
            frames = packet.decode()
        except (EOFError, FFmpegError):
            return []
        return [
            SourceFrame(float(frame.pts * frame.time_base) - self.offset, frame)
            for frame in frames
            if frame.pts is not None and frame.time_base is not None and not frame.is_corrupt
        ]


class SourceFrameReader:
    """Frames of one file.

    Args:
        path: the file.
        exact: smooth between blocks, too, as players do.

    Raises:
        NotAVideo, FileMissing, InputError: the file does not open.
    """

    def __init__(self, path: Path, *, exact: bool = False):
        self._path, self._exact = path, exact
        self._reader, self._scout = _VideoFile(path, exact), _VideoFile(path, exact)
        self._skips = (self._reader.stream.average_rate or 0) >= _FEW
        self._frames: Iterator[SourceFrame] = iter(())
        self._reached: float | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._reader.container.close()
        self._scout.container.close()

    def within(self, begin: float, end: float) -> SourceFrame | None:
        """A frame that begins in a window: a keyframe where it has one, else the first that others build on.

        Windows are asked for in ascending order.

        Args:
            begin: seconds from the start of the file.
            end: the same; a frame that begins then is not in it.

        Returns:
            The frame; None where the window has none.
        """
        self._read_on(begin, end)
        for frame in self._frames:
            self._reached = frame.at
            if frame.at >= begin:
                return frame if frame.at < end else None
        return None

    def around(self, at: float, reach: float) -> Iterator[SourceFrame]:
        """Every frame that begins within ``reach`` seconds of a moment, decoded from well before it, none left out.

        Args:
            at: seconds from the start of the file.
            reach: seconds; a second of 4K is 700 MB, so that who needs many frames keeps none.

        Returns:
            The frames as they are decoded; take them before anything else is read.
        """
        self._reached = None
        keyframe = self._keyframe(max(0.0, at - 2 * reach))
        self._begin_at(keyframe, skip=False)
        upcoming = takewhile(lambda frame: frame.at <= at + reach, self._frames)
        return (frame for frame in upcoming if frame.at >= at - reach)

    def run(self, begin: float, count: int) -> list[SourceFrame]:
        """Frames that follow one another from the keyframe at ``begin`` on; fewer where the file ends."""
        self._begin_at(self._keyframe(begin + _ASIDE), skip=False)
        return list(islice((frame for frame in self._frames if frame.at >= begin - _ASIDE), count))

    def _read_on(self, begin: float, end: float) -> None:
        """Read on, or from the last keyframe before the end of the window where that is further on."""
        keyframe = self._keyframe(end - _ASIDE)
        if self._reached is None or self._reached >= end or (keyframe is not None and keyframe[0] > self._reached):
            self._begin_at(keyframe, skip=self._skips)

    def _begin_at(self, keyframe: tuple[float, float] | None, *, skip: bool) -> None:
        self._reached = None
        self._reader = self._seek(self._reader, 0.0 if keyframe is None else keyframe[1])
        self._reader.stream.codec_context.skip_frame = "NONREF" if skip else "DEFAULT"
        self._frames = self._decoded(None if keyframe is None else keyframe[0])

    def _decoded(self, key: float | None) -> Iterator[SourceFrame]:
        """Frames from the keyframe of that time on."""
        begun = key is None
        for packet in self._reader.packets():
            begun = begun or (packet.is_keyframe and self._reader.time(packet) == key)
            if begun:
                yield from (frame for frame in self._reader.frames(packet) if key is None or frame.at >= key)

    def _keyframe(self, end: float) -> tuple[float, float] | None:
        """The last keyframe at or before ``end``, and where to seek for it; None where no seek finds one."""
        for back in _STEPS_BACK:
            target = max(0.0, end - back)
            try:
                self._scout = self._seek(self._scout, target)
            except FFmpegError:
                continue
            keyframe = self._last_key(end)
            if keyframe is not None:
                return keyframe, target
            if not target:
                break
        return None

    def _last_key(self, end: float) -> float | None:
        keyframe = None
        for packet in self._scout.packets():
            time = self._scout.time(packet)
            if time is None:
                continue
            if packet.is_keyframe and not packet.is_discard and time <= end:
                keyframe = time
            read = time if packet.dts is None else float(packet.dts * packet.time_base) - self._scout.offset
            if read > end:
                break
        return keyframe

    def _seek(self, file: _VideoFile, time: float) -> _VideoFile:
        """At ``time``; opened anew for the start, since without an index a seek to it lands late, too."""
        if time > 0:
            file.seek(time)
            return file
        file.container.close()
        return _VideoFile(self._path, self._exact)
