"""A time range of a video as GOPs: read from its packets, with the first frame of each GOP decoded and no other."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Final

import av
import numpy as np
from av.container import InputContainer
from av.error import FFmpegError
from av.packet import Packet
from av.video.stream import VideoStream
from numpy.typing import NDArray

from reelmill.analysis.scenes.luma_thumbnails import Luma, luma_thumbnail
from reelmill.ffmpeg.reading.demuxing import demuxed
from reelmill.ffmpeg.reading.probe import main_video, open_media
from reelmill.ffmpeg.reading.seeking import Footage, seek_times
from reelmill.ffmpeg.reading.stream_copy import delay

#: Codecs whose packets each hold one frame, and whose decoders can skip those that no other refers to.
_READABLE: Final = ("h264", "hevc", "mpeg2video", "mpeg1video", "mpeg4")
_INTERLACED: Final = (2, 3, 4, 5)  # AVFieldOrder TT, BB, TB, BT
#: Seconds; a longer GOP may not have been read to its end, so nothing may hang on that.
LONGEST: Final = 20
#: Packets after which x264 and x265 begin a new GOP by default.
_USUAL: Final = 250


@dataclass(frozen=True)
class Gop:
    """The packets from one keyframe up to the next, in reading order."""

    pts: tuple[int, ...]  # when each frame begins, in the stream's time base
    sizes: NDArray[np.int64]  # bytes
    hidden: frozenset[int]  # PTS of frames that are decoded and not shown
    long: bool  # longer than LONGEST
    last: bool  # the file ends with it

    def __len__(self) -> int:
        return len(self.pts)

    @property
    def first(self) -> int:
        """The keyframe's PTS."""
        return self.pts[0]

    def until(self, pts: int) -> int:
        """How many packets hold all frames up to, and with, a PTS."""
        return 1 + max(place for place, one in enumerate(self.pts) if one <= pts)

    def full(self, following: Gop) -> bool:
        """Whether the GOP that follows begins where it does because it was time, rather than with a scene."""
        return len(self) in (_USUAL, len(following))

    def regular(self, following: Gop) -> bool:
        """Whether that may be so: the last GOP of a file is cut short."""
        return self.full(following) or (following.last and len(following) < len(self))

    @property
    def delay(self) -> int:
        """How many packets are read ahead of the first frame shown."""
        places = {pts: place for place, pts in enumerate(sorted(self.pts))}
        return delay([places[pts] for pts in self.pts])

    @property
    def leads(self) -> bool:
        """Whether frames are shown before the keyframe: those refer to the GOP before, too."""
        return min(self.pts) < self.first


@dataclass(frozen=True)
class GopSurvey:
    """What is known of a time range before anything else of it is decoded."""

    gops: tuple[Gop, ...]
    after: Gop | None  # the one that follows; None where the file ends, or the last is long
    keys: Mapping[int, Luma]  # by PTS: the first frame of each GOP, as far as it decodes
    time_base: Fraction
    offset: Fraction  # seconds at which the file starts
    start: Fraction  # second of the container from which it was read

    def time(self, pts: int) -> Fraction:
        """Seconds from the start of the file."""
        return pts * self.time_base - self.offset

    def pts(self, time: Fraction) -> Fraction:
        """The reverse of ``time``; not always a whole number."""
        return (time + self.offset) / self.time_base


def packets(container: InputContainer, stream: VideoStream, start: Fraction) -> Iterator[Packet[VideoStream]]:
    """The packets of a stream, from a keyframe at or before ``start`` seconds of the container on, or a little after.

    Yields:
        Those that hold something, up to where the file cannot be read further.

    Raises:
        FFmpegError: the container cannot seek.
    """
    if start > 0:
        container.seek(int(start * av.time_base), backward=True)
    read = demuxed(container, stream)
    while True:
        try:
            packet = next(read, None)
        except (FFmpegError, EOFError):
            return
        if packet is None:
            return
        if packet.size:
            yield packet


def survey_gops(path: Path, first: Fraction, end: Fraction) -> GopSurvey | None:
    """Read the GOPs that hold the frames from ``first`` to ``end`` seconds.

    Returns:
        The survey; None where packets hold too little: they have no times, or the codec is none of ``_READABLE``.

    Raises:
        NotAVideo, FileMissing, InputError: the file does not open.
    """
    with Footage(path) as footage:
        nearest = None if footage.timeless else footage.enter(first)
    if nearest is None:
        return None
    for start in (start for start in seek_times(first) if start <= nearest):
        with open_media(path) as container:
            found = main_video(container)
            if found is None or not _is_readable(found[1]):
                return None
            offset = Fraction(container.start_time or 0, av.time_base)
            begin = start + offset if start else Fraction(0)
            reader = _GopReader(found[1], (end + offset) / Fraction(found[1].time_base or 1))
            try:
                if not reader.read(packets(container, found[1], begin)):
                    return None
            except FFmpegError:
                continue
            gops = reader.gops
            late = not gops or gops[0].first * reader.time_base - offset > first
            if late and start:
                continue
            if not _in_order(gops):
                return None
            while len(gops) > 1 and gops[1].first * reader.time_base - offset <= first:
                gops = gops[1:]
            return GopSurvey(gops, reader.after, reader.keys, reader.time_base, offset, begin)
    return None


def _is_readable(stream: VideoStream) -> bool:
    """Whether packets are frames: where fields are interlaced, each may be one of two."""
    context = stream.codec_context
    return context.name in _READABLE and int(context.field_order or 0) not in _INTERLACED


def _in_order(gops: Sequence[Gop]) -> bool:
    """Whether no frame is there twice, and none is shown after the keyframe of a later GOP."""
    times = [pts for gop in gops for pts in gop.pts]
    return len(set(times)) == len(times) and all(
        gop.first < min(later.pts) and max(gop.pts) < later.first for gop, later in pairwise(gops)
    )


@dataclass
class _GopBuilder:
    """A GOP that is still being read."""

    pts: list[int] = field(default_factory=list)
    sizes: list[int] = field(default_factory=list)
    hidden: set[int] = field(default_factory=set)

    def add(self, packet: Packet[VideoStream]) -> None:
        assert packet.pts is not None
        self.pts.append(packet.pts)
        self.sizes.append(packet.size)
        if packet.is_discard:
            self.hidden.add(packet.pts)


class _GopReader:
    """Reads packets into GOPs and decodes the keyframes."""

    def __init__(self, stream: VideoStream, end: Fraction) -> None:
        self.time_base = Fraction(stream.time_base or 1)
        self.keys: dict[int, Luma] = {}
        self._stream = stream
        self._end = end  # in ticks, as are all times here
        self._longest = LONGEST / self.time_base
        self._gops: list[_GopBuilder] = []
        self._after: _GopBuilder | None = None
        self._last: _GopBuilder | None = None
        stream.thread_count = 1
        stream.codec_context.options = {"skip_loop_filter": "all"}

    def read(self, packets: Iterator[Packet[VideoStream]]) -> bool:
        """Read up to the GOP after the end; returns whether the packets hold enough."""
        for packet in packets:
            if packet.pts is None or packet.is_corrupt:
                return False
            if packet.is_keyframe:
                if self._after is not None:
                    break
                self._begin_gop(packet)
            elif not self._gops:
                continue
            gop = self._after or self._gops[-1]
            gop.add(packet)
            long = packet.pts - gop.pts[0] > self._longest
            if long and (self._after is not None or packet.pts > self._end):
                break
        else:
            self._last = self._after or (self._gops[-1] if self._gops else None)
        self._decode(None)
        return True

    def _begin_gop(self, packet: Packet[VideoStream]) -> None:
        gop = _GopBuilder()
        if self._gops and packet.pts is not None and packet.pts >= self._end:
            self._after = gop
        else:
            self._gops.append(gop)
        self._decode(packet)

    def _decode(self, packet: Packet[VideoStream] | None) -> None:
        """One keyframe, or what the decoder still holds."""
        try:
            frames = self._stream.codec_context.decode(packet)
        except (FFmpegError, EOFError):
            return
        self.keys.update(
            (frame.pts, luma_thumbnail(frame)) for frame in frames if frame.pts is not None and not frame.is_corrupt
        )

    @property
    def gops(self) -> tuple[Gop, ...]:
        """Those that begin before the end."""
        return tuple(self._built(gop) for gop in self._gops)

    @property
    def after(self) -> Gop | None:
        """The one that follows."""
        return None if self._after is None else self._built(self._after)

    def _built(self, gop: _GopBuilder) -> Gop:
        return Gop(
            pts=tuple(gop.pts),
            sizes=np.array(gop.sizes, np.int64),
            hidden=frozenset(gop.hidden),
            long=max(gop.pts) - gop.pts[0] > self._longest,
            last=gop is self._last,
        )
