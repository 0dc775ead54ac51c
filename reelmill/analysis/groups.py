"""A stretch of video as groups of pictures: from the packets, each group's first picture decoded and no other."""

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

from reelmill.analysis.planes import Plane, plane
from reelmill.ffmpeg.copying import delay
from reelmill.ffmpeg.probe import main_video, open_media

#: Codecs whose packets each hold one picture, and whose decoders can skip those that no other refers to.
_TOLD: Final = ("h264", "hevc", "mpeg2video", "mpeg1video", "mpeg4")
_INTERLACED: Final = (2, 3, 4, 5)  # AVFieldOrder TT, BB, TB, BT
#: Seconds; a longer group may not have been read to its end, so nothing may hang on that.
LONGEST: Final = 20
#: Packets after which x264 and x265 begin a new group unless told otherwise.
_USUAL: Final = 250
#: How far before the time wanted a seek is tried, in seconds: MPEG streams have no index and land late.
_STEPS_BACK: Final = (0, 3, 12)


@dataclass(frozen=True)
class Group:
    """The packets from one keyframe up to the next, in reading order."""

    stamps: tuple[int, ...]  # when each picture begins, in the stream's time base
    sizes: NDArray[np.int64]  # bytes
    hidden: frozenset[int]  # stamps of pictures that are decoded and not shown
    long: bool  # longer than LONGEST
    last: bool  # the file ends with it

    def __len__(self) -> int:
        return len(self.stamps)

    @property
    def first(self) -> int:
        """The keyframe's stamp."""
        return self.stamps[0]

    def until(self, stamp: int) -> int:
        """How many packets hold all pictures up to, and with, a stamp."""
        return 1 + max(place for place, one in enumerate(self.stamps) if one <= stamp)

    def full(self, following: Group) -> bool:
        """Whether the group that follows begins where it does because it was time, rather than with a scene."""
        return len(self) in (_USUAL, len(following))

    def regular(self, following: Group) -> bool:
        """Whether that may be so: the last group of a file is cut short."""
        return self.full(following) or (following.last and len(following) < len(self))

    @property
    def delay(self) -> int:
        """How many packets are read ahead of the first picture shown."""
        places = {stamp: place for place, stamp in enumerate(sorted(self.stamps))}
        return delay([places[stamp] for stamp in self.stamps])

    @property
    def leads(self) -> bool:
        """Whether pictures are shown before the keyframe: those refer to the group before, too."""
        return min(self.stamps) < self.first


@dataclass(frozen=True)
class Survey:
    """What is known of a stretch before anything else of it is decoded."""

    groups: tuple[Group, ...]
    after: Group | None  # the one that follows; None where the file ends, or the last is long
    keys: Mapping[int, Plane]  # by stamp: the first picture of each group, as far as it decodes
    time_base: Fraction
    offset: Fraction  # seconds at which the file starts
    start: Fraction  # second of the container from which it was read

    def time(self, stamp: int) -> Fraction:
        """Seconds from the start of the file."""
        return stamp * self.time_base - self.offset

    def stamp(self, time: Fraction) -> Fraction:
        """The reverse of ``time``; not always a whole one."""
        return (time + self.offset) / self.time_base


def packets(container: InputContainer, stream: VideoStream, start: Fraction) -> Iterator[Packet[VideoStream]]:
    """The packets of a stream, from a keyframe at or before ``start`` seconds of the container on, or a little after.

    Raises:
        FFmpegError: the container cannot seek.
    """
    if start > 0:
        container.seek(int(start * av.time_base), backward=True)
    read = container.demux(stream)
    while True:
        try:
            packet = next(read, None)
        except (FFmpegError, EOFError):
            return
        if packet is None:
            return
        if packet.size:
            yield packet


def survey(path: Path, first: Fraction, end: Fraction) -> Survey | None:
    """The groups that hold the pictures from ``first`` to ``end`` seconds.

    None where packets say too little: they have no times, or the codec is one of those of which more is not known.

    Raises:
        NotAVideo, FileMissing, InputError: the file does not open.
    """
    for start in (*(first - back for back in _STEPS_BACK if first > back), Fraction(0)):
        with open_media(path) as container:
            found = main_video(container)
            if found is None or not _tells(found[1]):
                return None
            offset = Fraction(container.start_time or 0, av.time_base)
            begin = start + offset if start else Fraction(0)
            scout = _Scout(found[1], (end + offset) / Fraction(found[1].time_base or 1))
            try:
                if not scout.read(packets(container, found[1], begin)):
                    return None
            except FFmpegError:
                continue
            groups = scout.groups
            late = not groups or groups[0].first * scout.time_base - offset > first
            if late and start:
                continue
            if not _orderly(groups):
                return None
            while len(groups) > 1 and groups[1].first * scout.time_base - offset <= first:
                groups = groups[1:]
            return Survey(groups, scout.after, scout.keys, scout.time_base, offset, begin)
    return None


def _tells(stream: VideoStream) -> bool:
    """Whether packets are pictures: where fields are interlaced, each may be one of two."""
    context = stream.codec_context
    return context.name in _TOLD and int(context.field_order or 0) not in _INTERLACED


def _orderly(groups: Sequence[Group]) -> bool:
    """Whether no picture is there twice, and none is shown after the keyframe of a later group."""
    stamps = [stamp for group in groups for stamp in group.stamps]
    return len(set(stamps)) == len(stamps) and all(
        group.first < min(later.stamps) and max(group.stamps) < later.first for group, later in pairwise(groups)
    )


@dataclass
class _Open:
    """A group that is still being read."""

    stamps: list[int] = field(default_factory=list)
    sizes: list[int] = field(default_factory=list)
    hidden: set[int] = field(default_factory=set)

    def add(self, packet: Packet[VideoStream]) -> None:
        assert packet.pts is not None
        self.stamps.append(packet.pts)
        self.sizes.append(packet.size)
        if packet.is_discard:
            self.hidden.add(packet.pts)


class _Scout:
    """Reads packets into groups and decodes the keyframes."""

    def __init__(self, stream: VideoStream, end: Fraction) -> None:
        self.time_base = Fraction(stream.time_base or 1)
        self.keys: dict[int, Plane] = {}
        self._stream = stream
        self._end = end  # a stamp, as are all times here
        self._longest = LONGEST / self.time_base
        self._groups: list[_Open] = []
        self._after: _Open | None = None
        self._last: _Open | None = None
        stream.thread_count = 1
        stream.codec_context.options = {"skip_loop_filter": "all"}

    def read(self, packets: Iterator[Packet[VideoStream]]) -> bool:
        """Up to the group after the end; whether the packets say enough."""
        for packet in packets:
            if packet.pts is None or packet.is_corrupt:
                return False
            if packet.is_keyframe:
                if self._after is not None:
                    break
                self._begin(packet)
            elif not self._groups:
                continue
            group = self._after or self._groups[-1]
            group.add(packet)
            long = packet.pts - group.stamps[0] > self._longest
            if long and (self._after is not None or packet.pts > self._end):
                break
        else:
            self._last = self._after or (self._groups[-1] if self._groups else None)
        self._decode(None)
        return True

    def _begin(self, packet: Packet[VideoStream]) -> None:
        group = _Open()
        if self._groups and packet.pts is not None and packet.pts >= self._end:
            self._after = group
        else:
            self._groups.append(group)
        self._decode(packet)

    def _decode(self, packet: Packet[VideoStream] | None) -> None:
        """One keyframe, or what the decoder still holds."""
        try:
            frames = self._stream.codec_context.decode(packet)
        except (FFmpegError, EOFError):
            return
        self.keys.update(
            (frame.pts, plane(frame)) for frame in frames if frame.pts is not None and not frame.is_corrupt
        )

    @property
    def groups(self) -> tuple[Group, ...]:
        """Those that begin before the end."""
        return tuple(self._closed(group) for group in self._groups)

    @property
    def after(self) -> Group | None:
        """The one that follows."""
        return None if self._after is None else self._closed(self._after)

    def _closed(self, group: _Open) -> Group:
        return Group(
            stamps=tuple(group.stamps),
            sizes=np.array(group.sizes, np.int64),
            hidden=frozenset(group.hidden),
            long=max(group.stamps) - group.stamps[0] > self._longest,
            last=group is self._last,
        )
