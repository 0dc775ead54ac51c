"""The companions of a video, its audio and subtitles, copied into a file of their own as its index is read.

On a slow disk a video is so read once for all that needs its packets: encoding and proving the audio, looking into the
subtitles. Tracks and packets stay as they are; where a container cannot hold them so, there is no copy.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any, Final

import av
from av.container import InputContainer, OutputContainer
from av.error import FFmpegError
from av.packet import Packet

from reelmill.errors import InputError
from reelmill.ffmpeg.commands.filters import text_subtitles
from reelmill.ffmpeg.reading.packet_index import Index, read_index
from reelmill.ffmpeg.reading.probe import MediaInfo, open_media
from reelmill.ffmpeg.reading.source_reading import CompanionCopy
from reelmill.ffmpeg.reading.tracks import codec_name
from reelmill.ffmpeg.remux.mp4_companions import without_video

#: Which container holds what another one does, at its times: Matroska counts milliseconds, as FLV does.
_CONTAINERS: Final = {"matroska,webm": "matroska", "flv": "matroska", "mpegts": "nut", "mpeg": "nut"}
#: How far a time may be off in the copy, in seconds: NUT counts samples where MPEG counts 90,000ths of a second.
_NEAR: Final = 0.0001


def index_and_companions(source: Path, info: MediaInfo, target: Path) -> tuple[Index, CompanionCopy | None]:
    """Read the index of a video, and copy its companions on the way.

    Args:
        source: the video.
        info: its facts.
        target: the file to write the companions to.

    Returns:
        The index, and the copy; None where there is none.

    Raises:
        ShapesChange, NotCuttable, FileMissing, NotAVideo, InputError, Unreadable: see ``read_index``.
        OSError: the disk refuses what is written.
    """
    if "mp4" in info.container:
        index, end = read_index(source), None
        copied = info.audio_tracks > 0 and without_video(source, target)
    elif info.audio_tracks and info.container in _CONTAINERS:
        copier = _CompanionCopier(info, target, _CONTAINERS[info.container])
        with copier:
            index = read_index(source, copier)
        copied, end = copier.complete(), copier.end
    else:
        return read_index(source), None
    later = _later(source, target, texts=bool(text_subtitles(info))) if copied else None
    return index, None if later is None else CompanionCopy(target, later, end)


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
    size: int = 0
    first: float | None = None
    last: float = 0.0

    def add(self, packet: Packet[Any]) -> None:
        at = float((packet.pts or 0) * (packet.time_base or 0))
        self.packets, self.size, self.last = self.packets + 1, self.size + packet.size, at
        self.first = at if self.first is None else self.first

    def like(self, other: _TrackPackets) -> bool:
        """Whether the other is a copy of this."""
        near = abs((self.first or 0) - (other.first or 0)) < _NEAR and abs(self.last - other.last) < _NEAR
        return near and (self.packets, self.size) == (other.packets, other.size)


class _CompanionCopier:
    """Takes the packets of a reading, and writes those of audio and of subtitles to another file."""

    def __init__(self, info: MediaInfo, target: Path, container: str):
        self.end: float | None = None
        self._kinds = ("audio", "subtitle") if text_subtitles(info) else ("audio",)
        self._target, self._container = target, container
        self._output: OutputContainer | None = None
        self._streams: Mapping[int, Any] = {}
        self._tracks: dict[int, _TrackPackets] = {}  # by the track's place in the copy

    def __enter__(self) -> _CompanionCopier:
        return self

    def __exit__(self, *_: object) -> None:
        self._close()

    def begin(self, container: InputContainer) -> None:
        """Open the copy for the tracks of what is going to be read."""
        kept = [stream for stream in container.streams if stream.type in self._kinds]
        with suppress(FFmpegError, ValueError):  # what a container cannot hold is left in the source
            output = av.open(str(self._target), "w", format=self._container, options={"avoid_negative_ts": "disabled"})
            self._output = output
            self._streams = {stream.index: output.add_stream_from_template(stream) for stream in kept}
            for stream in kept:
                self._streams[stream.index].metadata.update(stream.metadata)
                self._streams[stream.index].disposition = stream.disposition
            return
        self._give_up()

    def add(self, packet: Packet[Any]) -> None:
        """Take a packet of any track."""
        if packet.pts is not None and packet.time_base is not None:
            end = float(packet.pts * packet.time_base) + float((packet.duration or 0) * packet.time_base)
            self.end = end if self.end is None else max(self.end, end)
        if self._output is None or packet.stream.index not in self._streams or not packet.size:
            return
        if packet.is_corrupt or packet.pts is None:
            self._give_up()
            return
        stream = self._streams[packet.stream.index]
        self._tracks.setdefault(stream.index, _TrackPackets()).add(packet)
        packet.stream = stream
        try:
            self._output.mux(packet)
        except (FFmpegError, ValueError):
            self._give_up()

    def complete(self) -> bool:
        """Whether the copy, which is closed, holds all that was taken."""
        if not self._tracks:
            return False
        found: dict[int, _TrackPackets] = {}
        try:
            with open_media(self._target) as copy:
                for packet in copy.demux():
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
