"""Single pictures of a video at many moments: keyframes by seeking, others by decoding up to them."""

from __future__ import annotations

import bisect
from collections.abc import Callable, Iterator, Sequence
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Any, Final, NamedTuple, Self

import av
from av.error import FFmpegError
from av.packet import Packet
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from reelmill.errors import NotAVideo
from reelmill.ffmpeg.probe import blame_disk, main_video, open_media

#: Containers whose index lists every keyframe, or every one that is worth seeking to.
_INDEXED: Final = ("mp4", "matroska", "avi", "flv")
#: An index that ends longer before the video does, in seconds, is not the whole index.
_INDEX_TAIL: Final = 20
#: How far before the time wanted a seek is tried, in seconds: MPEG streams have no index and land late.
_STEPS_BACK: Final = (0, 3, 12)
#: How far a keyframe may be from where the index says, in seconds: an mp4's index counts in decoding order.
_INDEX_OFF: Final = Fraction(1, 2)
#: From so many seconds before the moment wanted on, pictures that no other needs are decoded, too.
_LEAD: Final = 1
#: Below this many pictures a second every one is decoded: each is on show for long.
_FEW: Final = 10


class Still(NamedTuple):
    """A decoded picture and when it begins, in seconds from the start of the file."""

    time: Fraction
    frame: VideoFrame


class Keyframes(NamedTuple):
    """When a video can be entered (seconds, ascending), and when its last picture begins, as far as is known."""

    times: list[Fraction]
    last: Fraction


def keyframes(path: Path) -> Keyframes:
    """The keyframes of a video: from its index where that has them, else from all its packets. Nothing is decoded.

    Raises:
        NotAVideo, FileMissing, InputError: the file does not open.
    """
    with _Opened(path) as opened:
        return _from_index(opened) or _from_packets(opened)


class _Opened:
    """A file, its main picture track, and where its clock starts."""

    def __init__(self, path: Path, prepare: Callable[[VideoStream], None] = lambda _: None):
        self._path, self._prepare = path, prepare
        self._open()

    def _open(self) -> None:
        self.container = open_media(self._path)
        found = main_video(self.container)
        if found is None:
            self.container.close()
            raise NotAVideo(f"{self._path.name} has no picture track.")
        self.stream: VideoStream = found[1]
        self.offset = Fraction(self.container.start_time or 0, av.time_base)
        self._prepare(self.stream)
        self._at_start = True

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.container.close()

    def seek(self, time: Fraction) -> bool:
        """To the keyframe at or before ``time`` seconds; False where the file cannot."""
        if time <= 0:
            if not self._at_start:  # opened again, since without an index a seek to 0 lands late, too
                self.container.close()
                self._open()
            return True
        self._at_start = False
        try:
            self.container.seek(int((time + self.offset) * av.time_base), backward=True)
        except FFmpegError:
            return False
        return True

    def packets(self) -> Iterator[Packet[Any]]:
        """Packets of the track up to the end, or to where the file cannot be read further; the last one is empty."""
        self._at_start = False
        packets = self.container.demux(self.stream)
        while True:
            try:
                packet = next(packets, None)
            except (FFmpegError, EOFError) as error:
                blame_disk(error, self.container.name)
                return
            if packet is None:
                return
            if packet.size or (packet.pts is None and packet.dts is None):  # others would read as the end: skipped
                yield packet

    def time(self, packet: Packet[Any]) -> Fraction | None:
        """When a packet's picture begins, in seconds from the start."""
        stamp = packet.dts if packet.pts is None else packet.pts
        return None if stamp is None or packet.time_base is None else stamp * packet.time_base - self.offset


def _from_index(opened: _Opened) -> Keyframes | None:
    if not any(name in opened.container.format.name for name in _INDEXED) or opened.stream.time_base is None:
        return None
    length = Fraction(opened.container.duration or 0, av.time_base)
    opened.seek(length / 2)  # Matroska reads its index when it is first asked to seek
    entries = opened.stream.index_entries
    times = [entry.timestamp * opened.stream.time_base - opened.offset for entry in entries if entry.is_keyframe]
    if not times:
        return None
    last = entries[len(entries) - 1].timestamp * opened.stream.time_base - opened.offset
    if last < length - _INDEX_TAIL or len(entries) < min(2, opened.stream.frames):
        return None
    times.sort()
    # Decoding order begins before 0 by as much as pictures are shown later than they are decoded.
    early = max(Fraction(0), -times[0])
    return Keyframes([time + early for time in times], last + early)


def _from_packets(opened: _Opened) -> Keyframes:
    opened.seek(Fraction(0))
    times, last = [], Fraction(0)
    for packet in opened.packets():
        time = opened.time(packet)
        if time is None:
            continue
        last = max(last, time)
        if packet.is_keyframe:
            times.append(time)
    return Keyframes(sorted(times), last)


def _decoded(packet: Packet[Any], offset: Fraction) -> list[Still]:
    """The whole pictures that come out of a packet; none where it does not decode."""
    try:
        return _whole(packet.decode(), packet.time_base, offset)
    except (FFmpegError, EOFError):
        return []


def _whole(frames: Sequence[VideoFrame], time_base: Fraction | None, offset: Fraction) -> list[Still]:
    times = [None if frame.pts is None or time_base is None else frame.pts * time_base for frame in frames]
    return [
        Still(time - offset, frame)
        for time, frame in zip(times, frames, strict=True)
        if time is not None and not frame.is_corrupt
    ]


class KeyframeReader:
    """Keyframes of one file, each decoded alone on one thread; several readers of a file may work side by side.

    Raises:
        NotAVideo, FileMissing, InputError: the file does not open.
    """

    def __init__(self, path: Path):
        self._file = _Opened(path, self._prepare)

    @staticmethod
    def _prepare(stream: VideoStream) -> None:
        stream.thread_count = 1
        # Smoothing between blocks is not seen in a picture made much smaller, and nothing builds on this one.
        stream.codec_context.options = {"skip_loop_filter": "all"}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.container.close()

    def at(self, time: Fraction, end: Fraction) -> Still | None:
        """The keyframe that begins at ``time`` seconds, else the next before ``end``; None where none decodes."""
        for back in _STEPS_BACK:
            if self._file.seek(time - back):
                packet = self._find(time - _INDEX_OFF, end)
                if packet is not None:
                    return self._alone(packet)
        return None

    def _find(self, first: Fraction, end: Fraction) -> Packet[Any] | None:
        for packet in self._file.packets():
            time = self._file.time(packet)
            if time is None or time < first:
                continue
            if time >= end:
                return None
            if packet.is_keyframe:
                return packet
        return None

    def _alone(self, packet: Packet[Any]) -> Still | None:
        stream, offset = self._file.stream, self._file.offset
        stills = _decoded(packet, offset)
        if not stills:
            try:  # a decoder that waits for what may be shown before it; the next seek makes it forget that it ended
                stills = _whole(stream.codec_context.decode(None), stream.time_base, offset)
            except (FFmpegError, EOFError):
                return None
        return stills[0] if stills else None


class Reader:
    """Pictures on show at given moments, asked for in ascending order: one decoder, which seeks where that saves work.

    Args:
        path: the file.
        keyframes: when it can be entered, in seconds, ascending.

    Raises:
        NotAVideo, FileMissing, InputError: the file does not open.
    """

    def __init__(self, path: Path, keyframes: Sequence[Fraction]):
        self._file = _Opened(path, self._prepare)
        self._keyframes = keyframes
        self._skips = (self._file.stream.average_rate or 0) >= _FEW
        self._wanted = self._known = Fraction(0)
        self._pictures: Iterator[Still] = iter(())
        self._shown: Still | None = None
        self._coming: Still | None = None
        self._ended = False

    @staticmethod
    def _prepare(stream: VideoStream) -> None:
        stream.thread_type = "AUTO"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.container.close()

    def knows(self, time: Fraction) -> None:
        """A picture of this time, in seconds, is known to decode: a place to start from where later ones do not."""
        self._known = max(self._known, time)

    def at(self, time: Fraction) -> Still | None:
        """The picture on show at ``time`` seconds, the first one of all where it begins later.

        None where nothing decodes, and from a second after the last picture on, or once that has been on show for as
        long as it says: a container may promise more than there is.
        """
        self._wanted = time
        if self._useful(time):
            self._run(time)
        else:
            self._enter(time)
        if self._shown is None:
            return self._coming
        self.knows(self._shown.time)
        if self._ended:
            frame = self._shown.frame
            hold = max(Fraction(1), (frame.duration or 0) * Fraction(frame.time_base or 0))
            return self._shown if time < self._shown.time + hold else None
        return self._shown

    def _useful(self, time: Fraction) -> bool:
        """Whether decoding on is no longer a way to ``time`` than seeking."""
        if self._shown is None or self._shown.time > time:
            return False
        number = bisect.bisect_right(self._keyframes, time)
        return self._ended or number == 0 or self._keyframes[number - 1] <= self._shown.time

    def _enter(self, time: Fraction) -> None:
        for start in (*(time - back for back in _STEPS_BACK if time > back), min(self._known, time), Fraction(0)):
            if not self._file.seek(start):
                continue
            self._shown = self._coming = None
            self._ended = False
            self._pictures = self._decoding()
            self._run(time)
            if self._shown is not None:
                return

    def _run(self, time: Fraction) -> None:
        while not self._ended and (self._coming is None or self._coming.time <= time):
            if self._coming is not None:
                self._shown = self._coming
            self._coming = next(self._pictures, None)
            self._ended = self._coming is None

    def _decoding(self) -> Iterator[Still]:
        context = self._file.stream.codec_context
        for packet in self._file.packets():
            time = self._file.time(packet)
            early = self._skips and time is not None and time < self._wanted - _LEAD
            context.skip_frame = "NONREF" if early else "DEFAULT"
            yield from _decoded(packet, self._file.offset)
