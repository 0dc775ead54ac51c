"""Single frames of a video at many moments: keyframes by seeking, others by decoding up to them."""

from __future__ import annotations

import bisect
from collections.abc import Iterator, Sequence
from fractions import Fraction
from itertools import islice
from pathlib import Path
from types import TracebackType
from typing import Any, Final, NamedTuple, Self

import av
from av.packet import Packet
from av.video.stream import VideoStream

from reelmill.ffmpeg.reading.seeking import Footage, TimedFrame, seek_times

#: Containers whose index lists every keyframe, or every one that is worth seeking to.
_INDEXED: Final = ("mp4", "matroska", "avi", "flv")
#: An index that ends longer before the video does, in seconds, is not the whole index.
_INDEX_TAIL: Final = 20
#: How many seeks are tried for a keyframe, each further back.
_TRIES: Final = 4
#: How far a keyframe may be from its time in the index, in seconds: an mp4's index counts in decoding order.
_INDEX_OFF: Final = Fraction(1, 2)
#: From so many seconds before the moment wanted on, frames that no other needs are decoded, too.
_LEAD: Final = 1
#: Below this many frames a second every one is decoded: each is on show for long.
_FEW: Final = 10


class Keyframes(NamedTuple):
    """When a video can be entered (seconds, ascending), and when its last frame begins, as far as is known."""

    times: list[Fraction]
    last: Fraction


def keyframes(path: Path) -> Keyframes:
    """Find the keyframes of a video: in its index where that has them, else in all its packets. Nothing is decoded.

    Returns:
        Their times.

    Raises:
        NotAVideo, FileMissing, InputError: the file does not open.
    """
    with Footage(path) as footage:
        return _from_index(footage) or _from_packets(footage)


def _from_index(footage: Footage) -> Keyframes | None:
    if not any(name in footage.container.format.name for name in _INDEXED) or footage.stream.time_base is None:
        return None
    length = Fraction(footage.container.duration or 0, av.time_base)
    footage.seek(length / 2)  # Matroska reads its index when it is first asked to seek
    entries = footage.stream.index_entries
    times = [entry.timestamp * footage.stream.time_base - footage.offset for entry in entries if entry.is_keyframe]
    if not times:
        return None
    last = entries[len(entries) - 1].timestamp * footage.stream.time_base - footage.offset
    if last < length - _INDEX_TAIL or len(entries) < min(2, footage.stream.frames):
        return None
    times.sort()
    # Decoding order begins before 0 by as much as frames are shown later than they are decoded.
    early = max(Fraction(0), -times[0])
    return Keyframes([time + early for time in times], last + early)


def _from_packets(footage: Footage) -> Keyframes:
    footage.seek(Fraction(0))
    times, last = [], Fraction(0)
    for time, packet in footage.packets():
        if time is None:
            continue
        last = max(last, time)
        if packet.is_keyframe:
            times.append(time)
    return Keyframes(sorted(times), last)


class KeyframeReader:
    """Keyframes of one file, each decoded alone on one thread; several readers of a file may work side by side.

    Raises:
        NotAVideo, FileMissing, InputError: the file does not open.
    """

    def __init__(self, path: Path):
        self._file = Footage(path, self._prepare)

    @staticmethod
    def _prepare(stream: VideoStream) -> None:
        stream.thread_count = 1
        # Smoothing between blocks is not seen in a frame made much smaller, and nothing builds on this one.
        stream.codec_context.options = {"skip_loop_filter": "all"}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.container.close()

    def at(self, time: Fraction, end: Fraction) -> TimedFrame | None:
        """Decode the keyframe that begins at ``time`` seconds, else the next before ``end``.

        Returns:
            The keyframe; None where none decodes, and of an elementary stream, whose frames are known only by counting
            all before them.
        """
        if self._file.timeless:
            return None
        for start in islice(seek_times(time), _TRIES):
            if self._file.seek(start):
                packet = self._keyframe_packet(time - _INDEX_OFF, end)
                if packet is not None:
                    return self._decode_alone(packet)
        return None

    def _keyframe_packet(self, first: Fraction, end: Fraction) -> Packet[Any] | None:
        for time, packet in self._file.packets():
            if time is None or time < first:
                continue
            if time >= end:
                return None
            if packet.is_keyframe:
                return packet
        return None

    def _decode_alone(self, packet: Packet[Any]) -> TimedFrame | None:
        # A decoder may wait for what is shown before the frame; the next seek makes it forget that it ended.
        timed = self._file.decoded(packet) or self._file.decoded(None)
        return timed[0] if timed else None


class SeekingReader:
    """Frames on show at given moments, asked for in ascending order: one decoder, which seeks where that saves work.

    Args:
        path: the file.
        keyframes: when it can be entered, in seconds, ascending.

    Raises:
        NotAVideo, FileMissing, InputError: the file does not open.
    """

    def __init__(self, path: Path, keyframes: Sequence[Fraction]):
        self._file = Footage(path, self._prepare)
        self._keyframes = keyframes
        self._skips = (self._file.stream.average_rate or 0) >= _FEW and not self._file.timeless
        self._wanted = self._known = Fraction(0)
        self._frames: Iterator[TimedFrame] = iter(())
        self._shown: TimedFrame | None = None
        self._coming: TimedFrame | None = None
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

    def note_decodable(self, time: Fraction) -> None:
        """A frame of this time, in seconds, is known to decode: a place to start from where later ones do not."""
        self._known = max(self._known, time)

    def at(self, time: Fraction) -> TimedFrame | None:
        """Decode the frame on show at ``time`` seconds, the first one of all where that begins later.

        Returns:
            The frame; None where nothing decodes, and from a second after the last frame on, or once that has been on
            show for its whole duration: a container may promise more than there is.
        """
        self._wanted = time
        if self._reads_on(time):
            self._read_up_to(time)
        else:
            self._enter(time)
        if self._shown is None:
            return self._coming
        self.note_decodable(self._shown.time)
        if self._ended:
            frame = self._shown.frame
            hold = max(Fraction(1), (frame.duration or 0) * Fraction(frame.time_base or 0))
            return self._shown if time < self._shown.time + hold else None
        return self._shown

    def _reads_on(self, time: Fraction) -> bool:
        """Whether decoding on is no longer a way to ``time`` than seeking."""
        if self._shown is None or self._shown.time > time:
            return False
        number = bisect.bisect_right(self._keyframes, time)
        return self._ended or number == 0 or self._keyframes[number - 1] <= self._shown.time

    def _enter(self, time: Fraction) -> None:
        first = self._file.enter(time)
        starts = [] if first is None else [start for start in seek_times(time) if start <= first][:_TRIES]
        for start in (*starts, min(self._known, time), Fraction(0)):
            if not self._file.seek(start):
                continue
            self._shown = self._coming = None
            self._ended = False
            self._frames = self._decoding()
            self._read_up_to(time)
            if self._shown is not None:
                return

    def _read_up_to(self, time: Fraction) -> None:
        while not self._ended and (self._coming is None or self._coming.time <= time):
            if self._coming is not None:
                self._shown = self._coming
            self._coming = next(self._frames, None)
            self._ended = self._coming is None

    def _decoding(self) -> Iterator[TimedFrame]:
        context = self._file.stream.codec_context
        for time, packet in self._file.packets():
            early = self._skips and time is not None and time < self._wanted - _LEAD
            context.skip_frame = "NONREF" if early else "DEFAULT"
            yield from self._file.decoded(packet)
