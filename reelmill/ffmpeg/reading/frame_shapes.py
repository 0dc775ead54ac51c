"""Whether the frames of a video change their shape on the way, as from 4:3 to 16:9 or where a phone is turned.

A broadcast is read through for other reasons, too: there a new shape begins with a keyframe and a header of its own,
and one frame of each different header is decoded. Of other files some keyframes are looked at.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any, Final, cast

from av.codec.context import CodecContext
from av.error import FFmpegError
from av.packet import Packet
from av.video.codeccontext import VideoCodecContext
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from reelmill.ffmpeg.reading.seeking import Footage

_START: Final = b"\x00\x00\x01"
#: Bytes of an MPEG-1 or -2 sequence header that hold sizes and aspect (ISO/IEC 13818-2, 6.2.2.1), after its start code.
_SEQUENCE: Final = 4
#: How far two shapes may be apart and still count as one: 720 and 704 columns of standard television.
_ALIKE: Final = Fraction(2, 100)
#: How many times a file is sought, and how many seconds before its end it is for the last time.
_SAMPLES: Final = 8
_BEFORE_THE_END: Final = Fraction(1, 10)

#: By codec, whether the byte after a start code begins the header that holds the shape.
_HEADERS: Final[dict[str, Callable[[int], bool]]] = {
    "mpeg1video": lambda byte: byte == 0xB3,
    "mpeg2video": lambda byte: byte == 0xB3,
    "h264": lambda byte: byte & 0x1F == 7,  # ITU-T H.264, table 7-1
    "hevc": lambda byte: byte >> 1 & 0x3F == 33,  # ITU-T H.265, table 7-1
}


class ShapeWatch:
    """Looks at the keyframes of one video track.

    Args:
        codec: of the track; of others than those of broadcasts nothing is found.
    """

    def __init__(self, codec: str):
        self._codec, self._begins = codec, _HEADERS.get(codec)
        self._first: dict[bytes, bytes] = {}  # the first keyframe with each header

    def add(self, packet: Packet[Any]) -> None:
        """Take the next packet of the track."""
        if self._begins is None or not packet.is_keyframe or not packet.size:
            return
        data = bytes(packet)
        header = self._header(data)
        if header is not None:
            self._first.setdefault(header, data)

    @property
    def changed(self) -> bool:
        """Whether the frames so far have different shapes."""
        if len(self._first) < 2:
            return False
        shapes = [shape for data in self._first.values() if (shape := self._shape(data)) is not None]
        return _differ(shapes)

    def _header(self, data: bytes) -> bytes | None:
        assert self._begins is not None
        place = data.find(_START)
        while 0 <= place < len(data) - 4:
            if self._begins(data[place + 3]):
                begin = place + 3
                end = begin + 1 + _SEQUENCE if self._codec.startswith("mpeg") else data.find(_START, begin)
                return data[begin:] if end < 0 else data[begin:end]
            place = data.find(_START, place + 3)
        return None

    def _shape(self, data: bytes) -> Fraction | None:
        """Width by height of a keyframe as it is shown; None where it does not decode by itself."""
        context = cast(VideoCodecContext, CodecContext.create(self._codec, "r"))
        try:
            frames = cast(list[VideoFrame], [*context.decode(Packet(data)), *context.decode(None)])
        except (FFmpegError, EOFError):
            return None
        if not frames:
            return None
        return Fraction(frames[0].width, frames[0].height) * Fraction(context.sample_aspect_ratio or 1)


def sampled_shapes_differ(path: Path, duration: Fraction) -> bool:
    """Whether keyframes here and there in a file, its last one among them, have different shapes.

    Args:
        path: the file.
        duration: its seconds.

    Returns:
        Whether they do; no where only one can be found.

    Raises:
        NotAVideo, FileMissing, InputError: the file does not open.
    """
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
