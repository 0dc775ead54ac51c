"""Random access to a video that lands before the moment wanted, in every container.

A container with an index is entered at the keyframe before the time that is sought. MPEG-TS and MPEG-PS have none: a
seek lands among the packets of that time, and the first frame that decodes begins up to a GOP later. Elementary streams
have no times at all. So each seek is measured by the first keyframe that is read after it, and goes further back until
that one begins no later than the moment wanted. From there frames are decoded, and left out up to the moment.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import count
from pathlib import Path
from types import TracebackType
from typing import Any, Final, NamedTuple, Self

import av
from av.error import FFmpegError
from av.format import Flags
from av.packet import Packet
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from reelmill.errors import NotAVideo
from reelmill.ffmpeg.reading.demuxing import demuxed
from reelmill.ffmpeg.reading.probe import blame_disk, main_video, open_media
from reelmill.troubles import Flaw

#: How far before the moment wanted a seek is tried, in seconds. Twice as far each time, so that no more than twice the
#: GOP is decoded; a longer GOP is decoded from the beginning of the file.
_STEPS_BACK: Final = (0, *(1 << power for power in range(9)))
#: How much earlier than it is sent ffmpeg seeks where frames are reordered, in seconds (``ffmpeg_demux.c``: 3/23, in
#: whole microseconds).
_EARLIER: Final = Fraction(130_434, 1_000_000)
#: Seconds; an earlier moment is reached by reading from the start: some containers refuse to go before their first
#: packet.
LEAST: Final = Fraction(1, 2)
#: Seconds after a seek into a container without an index in which frames may carry the time of another one: only some
#: carry their own, at least one in 0.7 s (ISO/IEC 13818-1, 2.7.4), and muxers are not all strict.
_UNCERTAIN: Final = 2
#: How many frames may stand in a file before one that is shown earlier (H.264 and HEVC: a buffer of 16).
_REORDERED: Final = 16
_TICKS: Final = 1_000_000
#: Frames a second of an elementary stream without a rate of its own; what ffmpeg takes.
_USUAL_RATE: Final = 25


class TimedFrame(NamedTuple):
    """A decoded frame and when it begins, in seconds from the start of the file."""

    time: Fraction
    frame: VideoFrame


@dataclass(frozen=True)
class SeekPoint:
    """How the frame on show at a moment is reached. Times are seconds from the start of the file."""

    shown: Fraction  # when that frame begins
    following: Fraction | None = None  # when the one after it begins; None: not known, or there is none
    keyframe: Fraction | None = None  # when the last keyframe up to it begins; None: not known
    seek: Fraction | None = None  # where ffmpeg is sent; None: to the moment itself, the container finds it
    clock: Fraction = Fraction(0)  # seconds on the file's own clock at its start


def seek_times(time: Fraction) -> Iterator[Fraction]:
    """Where a seek for the frame on show at ``time`` is sent, one after the other, until it lands early enough.

    Yields:
        Seconds from the start of the file; the last is 0, the start.
    """
    steps = (time - back for back in _STEPS_BACK)
    # Whole microseconds, which ffmpeg and libav take alike.
    yield from (step if step == time else Fraction(int(step * _TICKS), _TICKS) for step in steps if step > LEAST)
    yield Fraction(0)


def seek_points(path: Path, times: Sequence[Fraction]) -> list[SeekPoint]:
    """How the frames on show at some moments are reached in one command, from the packets; nothing is decoded.

    ffmpeg keeps the times of all inputs of a command or of none (``-copyts``), so that all are reached in one way.

    Args:
        path: the file.
        times: the moments, in seconds. One before the first frame counts as that frame's beginning.

    Returns:
        A seek point for each moment, in their order.

    Raises:
        NotAVideo, FileMissing, InputError: the file does not open.
        Unreadable: the disk does not give its bytes.
    """
    with Footage(path) as footage:
        found = [footage.seek_point(at) for at in times]
    if all(one.seek is None for one in found):
        return found
    return [replace(one, seek=one.keyframe or Fraction(0)) if one.seek is None else one for one in found]


def seek_point_from_start(path: Path, begin: Fraction) -> SeekPoint:
    """How ``begin``, in seconds, is reached by reading all that comes before it.

    Returns:
        Its seek point.

    Raises:
        FileMissing, NotAVideo, InputError: the file does not open.
    """
    with open_media(path) as container:
        return SeekPoint(begin, seek=Fraction(0), clock=Fraction(container.start_time or 0, av.time_base))


class Footage:
    """The main video track of a file that is open: where it may be entered, its packets and its frames.

    Args:
        path: the file.
        prepare: sets decoder options, each time the file is opened.

    Raises:
        NotAVideo, FileMissing, InputError: the file does not open.
    """

    def __init__(self, path: Path, prepare: Callable[[VideoStream], None] = lambda _: None):
        self._path, self._prepare = path, prepare
        self._open()

    def _open(self) -> None:
        self.container = open_media(self._path)
        found = main_video(self.container)
        if found is None:
            self.container.close()
            raise NotAVideo(f"{self._path.name} has no video track.", self._path, Flaw.NO_VIDEO_TRACK)
        self.stream: VideoStream = found[1]
        self.offset = Fraction(self.container.start_time or 0, av.time_base)
        flags = Flags(self.container.format.flags)
        self.timeless = bool(flags & Flags.no_timestamps)  # an elementary stream: its frames are only counted
        self._indexed = not flags & (Flags.no_timestamps | Flags.ts_discont)
        self._tick = 1 / Fraction(self.stream.average_rate or self.stream.guessed_rate or _USUAL_RATE)
        self._numbers, self._at_start = count(), True
        self._prepare(self.stream)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.container.close()

    def seek(self, time: Fraction) -> bool:
        """Seek to ``time`` seconds from the start; where it lands is the container's affair, see ``enter``.

        Returns:
            False where the container cannot. The start is always reached.
        """
        if time <= 0:
            if not self._at_start:  # opened again: some refuse a seek to 0, and those without an index land late
                self.container.close()
                self._open()
            return True
        if self.timeless:
            return False
        self._at_start = False
        try:
            self.container.seek(int((time + self.offset) * av.time_base), backward=True)
        except FFmpegError:
            return False
        return True

    def enter(self, time: Fraction, *, timed: bool = True) -> Fraction | None:
        """Seek so that decoding gives the frame on show at ``time`` seconds from the start.

        Args:
            time: the moment.
            timed: whether it must be known which frame that is, rather than only decode.

        Returns:
            The seconds that were sought, 0 for the start; None where the file ends long before ``time``.
        """
        margin = _UNCERTAIN if timed and not self._indexed else 0
        empty = True
        for start in seek_times(time):
            if not start and empty and time > _STEPS_BACK[-1]:
                return None
            if not self.seek(start):
                continue
            if start:
                landed, nothing = self._landed(time, margin)
                empty = empty and nothing
                if not landed or not (self._indexed or self._lands_earlier(start, time, margin)):
                    continue
                self.seek(start)
            return start
        return None

    def _lands_earlier(self, start: Fraction, wanted: Fraction, margin: int) -> bool:
        """Whether ffmpeg lands early enough, too: where packets are few, a seek to an earlier time may land later."""
        return self.seek(start - _EARLIER) and self._landed(wanted, margin)[0]

    def _landed(self, wanted: Fraction, margin: int) -> tuple[bool, bool]:
        """Whether a seek has landed early enough.

        Args:
            wanted: seconds; a keyframe has to come by then.
            margin: seconds at the beginning of what is read whose keyframes do not count.

        Returns:
            Whether such a keyframe comes, and whether there is no packet at all.
        """
        certain: Fraction | None = None
        later = 0
        for time, packet in self.packets():
            if time is None or not packet.size:
                continue
            if certain is None:
                certain = time + margin
            if packet.is_keyframe and certain <= time <= wanted:
                return True, False
            later += time > wanted
            if later > _REORDERED:
                break
        return False, certain is None

    def on_show(self, at: Fraction) -> tuple[SeekPoint, VideoFrame] | None:
        """Decode the frame on show at ``at`` seconds: the last whole one that begins by then, or the first of all.

        Returns:
            How it is reached, as decoding has shown, and the frame; None where nothing decodes.
        """
        seek_point = self.seek_point(at)
        nearest = at if seek_point.seek is None else seek_point.seek
        for start in (nearest, *(earlier for earlier in seek_times(at) if earlier < nearest)):
            found = self._last_up_to(at) if self.seek(start) else None
            if found is not None and (found.time <= at or not start):
                return replace(
                    seek_point, shown=found.time, seek=seek_point.seek if start == nearest else start
                ), found.frame
        return None

    def _last_up_to(self, at: Fraction) -> TimedFrame | None:
        found: TimedFrame | None = None
        for timed in self.frames():
            if found is not None and timed.time > at:
                break
            found = timed
        return found

    def seek_point(self, at: Fraction) -> SeekPoint:
        """How the frame on show at ``at`` seconds is reached, from the packets."""
        start = self.enter(at)
        if start is None:
            start = Fraction(0)
            self.seek(start)
        earlier, keyframes, later = list[Fraction](), list[Fraction](), list[Fraction]()
        for time, packet in self.packets():
            if time is None or not packet.size:
                continue
            (later if time > at else earlier).append(time)
            if packet.is_keyframe and time <= at:
                keyframes.append(time)
            if len(later) > _REORDERED:
                break
        keyframe = None if self.timeless else max(keyframes, default=None)
        return SeekPoint(
            shown=max(earlier, default=at),
            following=min(later, default=None),
            keyframe=keyframe,
            seek=None if self._indexed and start == at and start else self._nearer(start, keyframe, at),
            clock=self.offset,
        )

    def _nearer(self, start: Fraction, keyframe: Fraction | None, at: Fraction) -> Fraction:
        """A later place than ``start`` to seek to, where that also reads ``keyframe``: then less is decoded."""
        later = Fraction(0) if keyframe is None else Fraction(int((keyframe - _UNCERTAIN - LEAST) * _TICKS), _TICKS)
        if self._indexed or later <= max(start, LEAST):
            return start
        lands = self.seek(later) and self._landed(at, _UNCERTAIN)[0] and self._lands_earlier(later, at, _UNCERTAIN)
        return later if lands else start

    def packets(self) -> Iterator[tuple[Fraction | None, Packet[Any]]]:
        """Packets of the track up to the end, or to where the file cannot be read further; the last one is empty.

        Yields:
            When the packet's frame begins, in seconds from the start, and the packet. In an elementary stream that is
            its place in the file, which differs from its place on show by the few frames that are reordered.
        """
        self._at_start = False
        packets, place = demuxed(self.container, self.stream), count()
        while True:
            try:
                packet = next(packets, None)
            except (FFmpegError, EOFError) as error:
                blame_disk(error, self.container.name)
                return
            if packet is None:
                return
            if packet.size or (packet.pts is None and packet.dts is None):  # others would read as the end: skipped
                yield (next(place) * self._tick if self.timeless and packet.size else self._time(packet)), packet

    def _time(self, packet: Packet[Any]) -> Fraction | None:
        pts = packet.dts if packet.pts is None else packet.pts
        return None if pts is None or packet.time_base is None else pts * packet.time_base - self.offset

    def frames(self) -> Iterator[TimedFrame]:
        """Whole frames from where the file stands on; what does not decode is passed over."""
        for _, packet in self.packets():
            yield from self.decoded(packet)

    def decoded(self, packet: Packet[Any] | None) -> list[TimedFrame]:
        """The whole frames that come out of a packet; none where it does not decode.

        Args:
            packet: None empties the decoder.

        Returns:
            Each frame with its time.
        """
        try:
            frames = self.stream.codec_context.decode(packet) if packet is None else packet.decode()
        except (FFmpegError, EOFError):
            return []
        base = self.stream.time_base if packet is None else packet.time_base
        timed = [(self._shown(frame, base), frame) for frame in frames]
        return [TimedFrame(time, frame) for time, frame in timed if time is not None and not frame.is_corrupt]

    def _shown(self, frame: VideoFrame, time_base: Fraction | None) -> Fraction | None:
        if self.timeless:
            return next(self._numbers) * self._tick
        return None if frame.pts is None or time_base is None else frame.pts * time_base - self.offset
