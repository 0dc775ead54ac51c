"""The companions of a video, its audio and subtitles, copied into a file of their own as its index is read.

On a slow disk a video is so read once for all that needs its packets: encoding and proving the audio, looking into the
subtitles. Tracks and packets stay as they are; where a container cannot hold them so, there is no copy.
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any, Final, cast

import av
from av.audio.frame import AudioFrame
from av.container import InputContainer, OutputContainer
from av.error import FFmpegError
from av.packet import Packet

from reelmill.errors import InputError
from reelmill.ffmpeg.commands.filters import text_subtitles
from reelmill.ffmpeg.reading.audio.audio_samples import samples_of
from reelmill.ffmpeg.reading.demuxing import demuxed
from reelmill.ffmpeg.reading.frames.frame_shapes import NEW
from reelmill.ffmpeg.reading.packet_index import Index, NotCuttable, PacketTaker, ShapesChange, index_or_reason
from reelmill.ffmpeg.reading.probe import MediaInfo, open_media
from reelmill.ffmpeg.reading.source_reading import CompanionCopy
from reelmill.ffmpeg.reading.tracks import codec_name
from reelmill.ffmpeg.remux.mp4_companions import without_video

#: Which containers hold what another one does, at its times: Matroska counts milliseconds, as FLV does, and NUT in any
#: unit; that lacks what WMA needs.
_CONTAINERS: Final = {"matroska,webm": "matroska", "flv": "matroska", "asf": "asf", "ogg": "ogg"}
_ANY: Final = "nut"
_OPTIONS: Final = {"avoid_negative_ts": "disabled"}
#: The one that frames are copied to, and how it has an index.
_WITH_FRAMES: Final = "flv"
_INDEXED: Final = {"flvflags": "add_keyframe_index"}
#: How far a time may be off in the copy, in seconds: NUT counts samples where MPEG counts 90,000ths of a second.
_NEAR: Final = 0.0001
#: So many packets of a track are decoded: a container may lack what a decoder needs to know.
_DECODED: Final = 3


def index_and_companions(
    source: Path, info: MediaInfo, target: Path, *takers: PacketTaker, frames: bool = False
) -> tuple[Index | NotCuttable, CompanionCopy | None]:
    """Read the index of a video, and copy its companions on the way.

    Args:
        source: the video.
        info: its facts.
        target: the file to write the companions to.
        takers: get its packets where they are read.
        frames: copy the frames as well; nothing is copied where they cannot be.

    Returns:
        The index or why there is none, and the copy; None where there is none.

    Raises:
        FileMissing, NotAVideo, InputError, Unreadable: see ``read_index``.
        OSError: the disk refuses what is written.
    """
    if "mp4" in info.container:
        index = index_or_reason(source, *takers)
        copied = not isinstance(index, ShapesChange) and without_video(source, target)
    else:
        copier = _CompanionCopier(info, target, frames=frames)
        with copier:
            index = index_or_reason(source, *takers, copier)
        copied = copier.complete()
    later = _later(source, target, texts=bool(text_subtitles(info))) if copied else None
    return index, None if later is None else CompanionCopy(target, later, frames and not later)


def _later(source: Path, target: Path, *, texts: bool) -> Fraction | None:
    """By how much a copy begins later than its source; None where its tracks are others, or it does not open."""
    try:
        with open_media(source) as original, open_media(target) as copy:
            alike = _tracks(original, texts=texts) == _tracks(copy, texts=texts)
            return Fraction((copy.start_time or 0) - (original.start_time or 0), av.time_base) if alike else None
    except InputError:
        return None


def _tracks(container: InputContainer, *, texts: bool) -> list[tuple[Any, ...]]:
    heard = [
        (codec_name(one), *(() if one.codec_context is None else (one.rate, one.layout.nb_channels)))
        for one in container.streams.audio
    ]
    return [*heard, *((codec_name(one),) for one in container.streams.subtitles if texts)]


@dataclass
class _TrackPackets:
    """The packets of a track, summed up."""

    packets: int = 0
    first: float | None = None
    last: float = 0.0
    check: int = 0  # CRC-32 of their bytes
    times: float = 0.0  # all added up
    samples: list[bytes] = field(default_factory=list)  # of the first ones

    def add(self, packet: Packet[Any]) -> None:
        at = float((packet.pts or 0) * (packet.time_base or 0))
        if self.packets < _DECODED and packet.stream.type == "audio":
            self.samples.append(_samples(packet))
        self.packets, self.check, self.times = self.packets + 1, zlib.crc32(packet, self.check), self.times + at
        self.first, self.last = at if self.first is None else self.first, at

    def like(self, other: _TrackPackets) -> bool:
        """Whether the other is a copy of this."""
        off = [(self.first or 0) - (other.first or 0), self.last - other.last]
        off.append((self.times - other.times) / max(1, self.packets))
        same = (self.packets, self.check, self.samples) == (other.packets, other.check, other.samples)
        return same and all(abs(one) < _NEAR for one in off)


def _samples(packet: Packet[Any]) -> bytes:
    """What an audio packet decodes to; nothing where it does not."""
    try:
        frames = cast(list[AudioFrame], packet.decode())
        return b"".join(samples_of(frame).tobytes() for frame in frames)
    except (EOFError, FFmpegError):
        return b""


class _CompanionCopier:
    """Takes the packets of a reading, and writes those of audio and of subtitles to another file."""

    def __init__(self, info: MediaInfo, target: Path, *, frames: bool):
        wanted = {"audio": True, "subtitle": bool(text_subtitles(info)), "video": frames}
        self._kinds = [kind for kind, copied in wanted.items() if copied]
        self._target = target
        self._container = _WITH_FRAMES if frames else _CONTAINERS.get(info.container, _ANY)
        self._options = _OPTIONS | _INDEXED if frames else _OPTIONS
        self._output: OutputContainer | None = None
        self._streams: Mapping[int, Any] = {}
        self._tracks: dict[int, _TrackPackets] = {}  # by the track's place in the copy
        self._whole = False

    def __enter__(self) -> _CompanionCopier:
        return self

    def __exit__(self, *_: object) -> None:
        self._close()

    def begin(self, container: InputContainer) -> None:
        """Open the copy for the tracks of what is going to be read."""
        kept = [stream for stream in container.streams if stream.type in self._kinds]
        with suppress(FFmpegError, ValueError):  # what a container cannot hold is left in the source
            output = av.open(str(self._target), "w", format=self._container, options=self._options)
            self._output = output
            self._streams = {stream.index: output.add_stream_from_template(stream) for stream in kept}
            for stream in kept:
                self._streams[stream.index].metadata.update(stream.metadata)
                self._streams[stream.index].disposition = stream.disposition
            return
        self._give_up()

    def add(self, packet: Packet[Any]) -> None:
        """Take a packet of any track."""
        if self._output is None or packet.stream.index not in self._streams or not packet.size:
            return
        again = packet.has_sidedata(NEW)  # a header, though a container has the first of a track alone
        if packet.pts is None or again:
            self._give_up()
            return
        stream = self._streams[packet.stream.index]
        self._tracks.setdefault(stream.index, _TrackPackets()).add(packet)
        packet.stream = stream
        try:
            self._output.mux(packet)
        except (FFmpegError, ValueError):
            self._give_up()

    def end(self) -> None:
        """Hear that the file was read to its end."""
        self._whole = True

    def complete(self) -> bool:
        """Whether the copy, which is closed, holds all that there is."""
        if not self._tracks or not self._whole:
            return False
        found: dict[int, _TrackPackets] = {}
        try:
            with open_media(self._target) as copy:
                for packet in demuxed(copy):
                    if packet.size:
                        found.setdefault(packet.stream.index, _TrackPackets()).add(packet)
        except (FFmpegError, InputError):
            return False
        same = self._tracks.keys() == found.keys()
        return same and all(one.like(found[index]) for index, one in self._tracks.items())

    def _give_up(self) -> None:
        self._close()
        self._tracks.clear()

    def _close(self) -> None:
        output, self._output = self._output, None
        if output is not None:
            try:
                output.close()
            except (FFmpegError, ValueError):
                self._tracks.clear()
