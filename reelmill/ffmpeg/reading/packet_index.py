"""The packet index of a file's video track: when each frame is shown and where reading may begin.

Taken from the container's own where that has one, else read from the packets; nothing is decoded.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from itertools import pairwise
from pathlib import Path
from typing import Any, Final, Protocol

import av
from av.container import InputContainer
from av.error import FFmpegError
from av.packet import Packet
from av.video.stream import VideoStream

from reelmill.errors import ReelmillError
from reelmill.ffmpeg.reading.containers.mp4_samples import Sample, samples_of
from reelmill.ffmpeg.reading.demuxing import demuxed
from reelmill.ffmpeg.reading.frames.frame_shapes import NEW, ShapeWatch, tabled_shapes_differ
from reelmill.ffmpeg.reading.probe import blame_disk, main_video, open_media

_IDR: Final = 5  # nal_unit_type of a frame no later one reads past (ITU-T H.264, table 7-1)
_TYPE: Final = 0x1F


class NotCuttable(ReelmillError):
    """Why a source must be encoded in one go; a plan's reason rather than a failure."""


class ShapesChange(NotCuttable):
    """That the frames of a source change their shape on the way, which shows only where all keyframes are seen."""

    def __init__(self) -> None:
        super().__init__("its frames change their shape on the way")


@dataclass(frozen=True)
class Keyframe:
    """A frame at which a decoder may begin, by its container."""

    place: int  # among all packets, in reading order
    time: int  # ticks
    certain: bool  # by the standard; an H.264 keyframe that is no IDR frame is one by its container alone


@dataclass(frozen=True)
class Index:
    """The frames of a track that are shown; times in ticks of ``time_base``, on the file's own clock."""

    time_base: Fraction  # seconds per tick
    start: Fraction  # seconds; what players take for the file's beginning
    entry: int | None  # when the keyframe that reading begins with is shown, or would be; None: it is no keyframe
    order: tuple[int, ...]  # times in reading order
    keyframes: tuple[Keyframe, ...]
    hold: int  # ticks that the last frame stands; 0 where that is not said

    @cached_property
    def times(self) -> tuple[int, ...]:
        """When the frames are shown, the earliest first."""
        return tuple(sorted(self.order))

    @property
    def begin(self) -> Fraction:
        """Seconds from the file's beginning to its first frame."""
        return self.times[0] * self.time_base - self.start


class PacketTaker(Protocol):
    """Takes all packets of a file that is read through, as far as it can be."""

    def begin(self, container: InputContainer) -> None:
        """See of what file; nothing has been read of it yet."""

    def add(self, packet: Packet[Any]) -> None:
        """Take a packet of a video, audio or subtitle track; the last who takes it may change it."""

    def end(self) -> None:
        """Hear that there are no more; nobody does of a file that cannot be read to its end."""


def take_packets(path: Path, *takers: PacketTaker) -> None:
    """Read a file through, as far as it can be read, for those who take its packets.

    Args:
        path: the file.
        takers: get each packet, one after another.

    Raises:
        FileMissing, NotAVideo, InputError: it does not open.
        Unreadable: the disk does not give its bytes.
    """
    with open_media(path) as container:
        found = main_video(container)
        assert found is not None
        _take_the_rest(path, _main_packets(container, found[1], takers))


def read_index(path: Path, *takers: PacketTaker) -> Index:
    """Read the index of the main video track of ``path``.

    Args:
        path: the file.
        takers: get its packets, where those are read: all, even where there is no index in the end; none where tables
            of the file have what is asked.

    Returns:
        The index, of one frame at least.

    Raises:
        ShapesChange: see there.
        NotCuttable: it does not say when each frame is shown, or cannot be read to its end.
        FileMissing, NotAVideo, InputError: it does not open.
        Unreadable: the disk does not give its bytes.
    """
    with open_media(path) as container:
        found = main_video(container)
        assert found is not None
        stream = found[1]
        shapes = ShapeWatch(stream.codec_context.codec.canonical_name)
        tabled = samples_of(path, container, stream)
        if tabled:
            if tabled_shapes_differ(path, most=len(tabled)):
                raise ShapesChange
            return _index(container, stream, tabled, shapes)
        packets = _main_packets(container, stream, takers)
        try:
            return _index(container, stream, _samples_by_reading(container, stream, shapes, packets), shapes)
        except NotCuttable:
            if takers:
                _take_the_rest(path, packets)
            raise


def index_or_reason(path: Path, *takers: PacketTaker) -> Index | NotCuttable:
    """``read_index``, where a file without one is nothing that went wrong.

    Returns:
        The index, or why there is none.
    """
    try:
        return read_index(path, *takers)
    except NotCuttable as reason:
        return reason


def _take_the_rest(path: Path, packets: Iterator[Packet[Any]]) -> None:
    try:
        deque(packets, maxlen=0)
    except FFmpegError as error:  # what comes before the damage counts
        blame_disk(error, path)


def _index(container: InputContainer, stream: VideoStream, samples: Iterable[Sample], shapes: ShapeWatch) -> Index:
    """See ``read_index``; the shapes are those of the samples, as far as they were looked at on the way."""
    order: list[int] = []
    hidden: list[int] = []
    keyframes: list[Keyframe] = []
    entry, last, hold = None, None, 0
    if stream.time_base is None:
        raise NotCuttable("its video track has no clock")
    for number, sample in enumerate(samples):
        if sample.pts is None:
            raise NotCuttable("a frame does not say when it is shown")
        if number == 0 and sample.keyframe:
            entry = sample.pts
        if sample.hidden:
            hidden.append(sample.pts)
            continue
        if sample.keyframe:
            keyframes.append(Keyframe(len(order), sample.pts, _certain(stream, sample.data)))
        order.append(sample.pts)
        if last is None or sample.pts > last:
            last, hold = sample.pts, sample.duration
    if shapes.changed:
        raise ShapesChange
    if not order:
        raise NotCuttable("it holds no frame")
    start = Fraction(container.start_time or 0, av.time_base)
    index = Index(stream.time_base, start, entry, tuple(order), tuple(keyframes), hold)
    if any(index.times[0] <= time <= index.times[-1] for time in hidden):
        raise NotCuttable("its edit list leaves out frames in the middle")
    if any(later == earlier for earlier, later in pairwise(index.times)):
        raise NotCuttable("two of its frames are to be shown at the same time")
    return index


def _samples_by_reading(
    container: InputContainer, stream: VideoStream, shapes: ShapeWatch, packets: Iterator[Packet[Any]]
) -> Iterator[Sample]:
    """What each packet has of a frame, the keyframes watched; an edit list may hide some of them."""
    extradata = bytes(stream.codec_context.extradata or b"")
    try:
        for packet in packets:
            if packet.size == 0:
                continue
            if packet.is_corrupt:
                raise NotCuttable("a frame is damaged")
            data = bytes(packet) if packet.is_keyframe else b""
            extradata = bytes(packet.get_sidedata(NEW)) if packet.has_sidedata(NEW) else extradata
            shapes.add(data, extradata)
            yield Sample(packet.pts, packet.is_keyframe, packet.is_discard, packet.duration or 0, data)
    except FFmpegError as error:
        blame_disk(error, container.name)
        raise NotCuttable(f"it cannot be read to its end ({error.strerror})") from error


def _main_packets(
    container: InputContainer, stream: VideoStream, takers: Sequence[PacketTaker]
) -> Iterator[Packet[Any]]:
    """The packets of the main track; each, and those of all others, also go to those who take them."""
    if not takers:
        yield from demuxed(container, stream)
        return
    for taker in takers:
        taker.begin(container)
    for packet in demuxed(container, [one for one in container.streams if one.type in ("video", "audio", "subtitle")]):
        if packet.stream.index == stream.index:
            yield packet
        for taker in takers:
            taker.add(packet)
    for taker in takers:
        taker.end()


def _certain(stream: VideoStream, data: bytes) -> bool:
    """Whether decoding may begin here by the standard, and not by the container alone.

    H.264 lets a recovery point pass for a keyframe, and careless muxers mark any intra frame; so only an IDR frame
    is certain. All other codecs' keyframes reset the decoder, but for frames shown before them.

    Returns:
        False where it is a keyframe by its container alone.
    """
    if stream.codec_context.codec.canonical_name != "h264":
        return True
    extra = bytes(stream.codec_context.extradata or b"")
    if extra[:1] != b"\x01":  # a byte stream: units follow a start code (ITU-T H.264, annex B)
        return any(unit[0] & _TYPE == _IDR for unit in data.split(b"\x00\x00\x01")[1:] if unit)
    size = (extra[4] & 3) + 1  # length-prefixed units (ISO/IEC 14496-15, 5.3.3.1)
    place = 0
    while place + size < len(data):
        if data[place + size] & _TYPE == _IDR:
            return True
        place += size + int.from_bytes(data[place : place + size], "big")
    return False
