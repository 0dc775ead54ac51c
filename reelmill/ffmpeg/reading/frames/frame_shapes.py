"""Whether the frames of a video change their shape on the way, as from 4:3 to 16:9 or where a phone is turned.

A new shape begins with a keyframe and a header of its own: one keyframe of each different header is decoded. Broadcasts
are read through for other reasons, too; of an mp4 the beginnings of its keyframes are read, which its tables have; of
Matroska and FLV the keyframes that their index has.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator, Sequence
from fractions import Fraction
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any, BinaryIO, Final, cast

import av
from av.codec.context import CodecContext, Flags
from av.container import InputContainer
from av.error import FFmpegError
from av.packet import Packet
from av.video.codeccontext import VideoCodecContext
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from reelmill.ffmpeg.reading.containers.sample_entries import Description, descriptions
from reelmill.ffmpeg.reading.demuxing import demuxed
from reelmill.ffmpeg.reading.probe import blame_disk, main_video, open_media
from reelmill.ffmpeg.reading.seeking import Footage

#: What a packet has where new parameter sets begin (``AV_PKT_DATA_NEW_EXTRADATA``).
NEW: Final = "new_extradata"
_START: Final = b"\x00\x00\x01"
#: Bytes of an MPEG-1 or -2 sequence header that hold sizes and aspect (ISO/IEC 13818-2, 6.2.2.1), after its start code.
_SEQUENCE: Final = 4
#: Codecs of which libavcodec gives up the last frame before another size, which it holds for its order.
LOSING: Final = ("mpeg1video", "mpeg2video")
#: How far two shapes may be apart and still count as one: 720 and 704 columns of standard television.
_ALIKE: Final = Fraction(2, 100)
#: How many times a file is sought, and how many seconds before its end it is for the last time.
_SAMPLES: Final = 8
_BEFORE_THE_END: Final = Fraction(1, 10)
#: Keyframes that are looked at, at most (0.2 ms each on a local disk), and how many bytes of each in an mp4: parameter
#: sets stand at its beginning.
_MOST: Final = 1 << 12
_HEAD: Final = 1 << 12

#: By codec, whether the byte after a start code or a length begins the header that holds the shape.
_HEADERS: Final[dict[str, Callable[[int], bool]]] = {
    "mpeg1video": lambda byte: byte == 0xB3,
    "mpeg2video": lambda byte: byte == 0xB3,
    "h264": lambda byte: byte & 0x1F == 7,  # ITU-T H.264, table 7-1
    "hevc": lambda byte: byte >> 1 & 0x3F == 33,  # ITU-T H.265, table 7-1
}
#: What keyframes have of their size that have no header: of VP8 (RFC 6386, 9.1) just that; of VP9 (bitstream, 6.2) in
#: profile 0 its colours, too, and half of the byte after.
_SIZES: Final[dict[str, Callable[[bytes], bytes]]] = {
    "vp8": lambda data: data[6:10],
    "vp9": lambda data: data[4:8] + bytes(byte & 0xF0 for byte in data[8:9]),
}
#: Where the parameter sets of a track have the bytes of a length less one (ISO/IEC 14496-15, 5.3.3.1 and 8.3.3.1).
_LENGTHS: Final = {"h264": 4, "hevc": 21}


class ShapeWatch:
    """Looks at the keyframes of one video track.

    Args:
        codec: of the track; of one that has no headers in its frames nothing is found.
    """

    def __init__(self, codec: str):
        self._codec = codec
        self._first: dict[bytes, tuple[bytes, bytes]] = {}  # the first keyframe with each header, and its extradata

    @property
    def able(self) -> bool:
        """Whether anything can be found in frames of this codec."""
        return self._codec in (*_HEADERS, *_SIZES)

    def add(self, data: bytes, extradata: bytes = b"", whole: Callable[[], bytes] | None = None) -> None:
        """Take the next keyframe of the track.

        Args:
            data: of it, or its beginning.
            extradata: the parameter sets that its container has for it, which count where it has none of its own.
            whole: reads all of its data, where ``data`` is the beginning.
        """
        if not self.able or not data:
            return
        header = self._header(data, extradata) or (b"" if self._codec in LOSING else extradata)
        if header and header not in self._first:
            self._first[header] = data if whole is None else whole(), extradata

    @property
    def changed(self) -> bool:
        """Whether the frames so far have different shapes, or sizes that no decoder goes through whole."""
        if len(self._first) < 2:
            return False
        if self._codec in LOSING and len({header[1:_SEQUENCE] for header in self._first}) > 1:
            return True
        shapes = [self._shape(*first) for first in self._first.values()]
        return _differ([shape for shape in shapes if shape is not None])

    def _header(self, data: bytes, extradata: bytes) -> bytes:
        """What a keyframe itself has of its shape; empty where that is nothing."""
        if self._codec in _SIZES:
            return _SIZES[self._codec](data)
        begins = _HEADERS[self._codec]
        place = _LENGTHS.get(self._codec)
        if place is None or extradata[:1] != b"\x01" or len(extradata) <= place:
            units = _units_by_start_code(data)
        else:
            units = _units_by_length(data, (extradata[place] & 3) + 1)
        header = next((unit for unit in units if unit and begins(unit[0])), b"")
        return header[: 1 + _SEQUENCE] if self._codec in LOSING else header

    def _shape(self, data: bytes, extradata: bytes) -> Fraction | None:
        """Width by height of a keyframe as it is shown; None where it does not decode by itself."""
        context = cast(VideoCodecContext, CodecContext.create(self._codec, "r"))
        context.flags |= Flags.unaligned  # see ``open_media``
        if extradata:
            context.extradata = extradata
        try:
            frames = cast(list[VideoFrame], [*context.decode(Packet(data)), *context.decode(None)])
        except (FFmpegError, EOFError):
            return None
        if not frames:
            return None
        return Fraction(frames[0].width, frames[0].height) * Fraction(context.sample_aspect_ratio or 1)


def _units_by_start_code(data: bytes) -> Iterator[bytes]:
    place = data.find(_START)
    while 0 <= place < len(data) - 4:
        end = data.find(_START, place + 3)
        yield data[place + 3 :] if end < 0 else data[place + 3 : end]
        place = end


def _units_by_length(data: bytes, size: int) -> Iterator[bytes]:
    place = 0
    while place + size < len(data):
        end = place + size + int.from_bytes(data[place : place + size], "big")
        yield data[place + size : end]
        place = end


def _keyframe_shapes_differ(path: Path, codec: str, stream: VideoStream, *, most: int = _MOST) -> bool:
    """Whether keyframes of an mp4 have different shapes, by its tables and the beginnings of those frames.

    Args:
        path: the file.
        codec: of the track.
        stream: the track, of the file opened.
        most: how many keyframes are looked at, about.

    Returns:
        Whether they do, as far as those show; the first of each sample entry is among them.
    """
    watch = ShapeWatch(codec)
    entries = stream.index_entries
    if not watch.able or not len(entries):
        return False
    described = descriptions(path, stream.index)
    keys = [number for number in range(len(entries)) if entries[number].is_keyframe]
    every = max(1, -(-len(keys) // most))
    asked = sorted({*keys[::every], *keys[-1:], *_first_keys(described, keys)})
    extradata = bytes(stream.codec_context.extradata or b"")
    with path.open("rb") as file:
        for number in asked:
            one = entries[number]
            own = described[bisect_right(described, number, key=_sample) - 1].extradata if described else None
            file.seek(one.pos)
            watch.add(file.read(min(one.size, _HEAD)), own or extradata, partial(_read, file, one.pos, one.size))
    return watch.changed


def tabled_shapes_differ(path: Path, *, most: int = _MOST) -> bool:
    """``_keyframe_shapes_differ`` for an mp4 by its path.

    Returns:
        See there.

    Raises:
        NotAVideo, FileMissing, InputError: the file does not open.
    """
    with Footage(path) as footage:
        return _keyframe_shapes_differ(
            path, footage.stream.codec_context.codec.canonical_name, footage.stream, most=most
        )


def _sample(described: Description) -> int:
    return described.sample


def _first_keys(described: Sequence[Description], keys: Sequence[int]) -> Iterator[int]:
    """The first keyframe of each sample entry, those that come later in the file included."""
    for one in described:
        place = bisect_left(keys, one.sample)
        yield from keys[place : place + 1]


def _read(file: BinaryIO, place: int, size: int) -> bytes:
    file.seek(place)
    return file.read(size)


def indexed_shapes_differ(path: Path, *, most: int = _MOST) -> bool:
    """Whether keyframes of a file have different shapes, those that its index names.

    A file without an index, as what a browser records, is read through; of a codec whose frames have no headers, frames
    here and there are decoded.

    Args:
        path: the file.
        most: how many keyframes are looked at, about.

    Returns:
        Whether they do, as far as those show.

    Raises:
        NotAVideo, FileMissing, InputError: the file does not open.
        Unreadable: the disk does not give its bytes.
    """
    with open_media(path) as container:
        found = main_video(container)
        assert found is not None
        stream = found[1]
        watch = ShapeWatch(stream.codec_context.codec.canonical_name)
        if not watch.able:
            duration = container.duration
            return duration is not None and _sampled_shapes_differ(path, Fraction(duration, av.time_base))
        extradata = bytes(stream.codec_context.extradata or b"")
        try:
            for packet in _indexed_keyframes(container, stream, most):
                extradata = bytes(packet.get_sidedata(NEW)) if packet.has_sidedata(NEW) else extradata
                watch.add(bytes(packet), extradata)
        except FFmpegError as error:  # what comes before the damage counts
            blame_disk(error, path)
    return watch.changed


def _indexed_keyframes(container: InputContainer, stream: VideoStream, most: int) -> Iterator[Packet[Any]]:
    """Keyframes that an index names, and the last; all where there is none."""
    for packet in demuxed(container, stream):
        if packet.is_keyframe and packet.size:
            yield packet
            break
    if container.duration is not None:
        container.seek(container.duration + (container.start_time or 0))  # Matroska's index is read when it is needed
    times = sorted({entry.timestamp for entry in stream.index_entries if entry.is_keyframe})
    if len(times) < 2:
        container.seek(container.start_time or 0)
        yield from (packet for packet in demuxed(container, stream) if packet.is_keyframe and packet.size)
        return
    for time in sorted({*times[:: max(1, -(-len(times) // most))], times[-1]}):
        container.seek(time, stream=stream)
        yield from islice((packet for packet in demuxed(container, stream) if packet.size), 1)


def _sampled_shapes_differ(path: Path, duration: Fraction) -> bool:
    """Whether frames here and there in a file, one near its end among them, have different shapes."""
    shapes = []
    with Footage(path, _prepare) as footage:
        for number in range(_SAMPLES + 1):
            if number and not footage.seek(max(Fraction(0), duration * number / _SAMPLES - _BEFORE_THE_END)):
                continue
            found = next(footage.frames(), None)
            if found is not None:
                aspect = Fraction(footage.stream.codec_context.sample_aspect_ratio or 1)
                shapes.append(Fraction(found.frame.width, found.frame.height) * aspect)
    return _differ(shapes)


def _prepare(stream: VideoStream) -> None:
    stream.thread_count = 1  # several would want more packets before they give the first frame


def _differ(shapes: Sequence[Fraction]) -> bool:
    return bool(shapes) and max(shapes) / min(shapes) > 1 + _ALIKE
