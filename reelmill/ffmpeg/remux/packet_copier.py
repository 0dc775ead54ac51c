"""Packets of some tracks, written to a file of their own as they are read, and compared with what is in it."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Collection, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Self, cast

import av
from av.audio.frame import AudioFrame
from av.container import InputContainer, OutputContainer
from av.error import FFmpegError
from av.packet import Packet

from reelmill.errors import InputError
from reelmill.ffmpeg.reading.audio.audio_samples import samples_of
from reelmill.ffmpeg.reading.demuxing import demuxed
from reelmill.ffmpeg.reading.probe import open_media

#: How far a time may be off in the copy, in seconds: NUT counts samples where MPEG counts 90,000ths of a second.
_NEAR: Final = 0.0001
#: So many packets of a track are decoded: a container may lack what a decoder needs to know.
_DECODED: Final = 3
_OPTIONS: Final = {"avoid_negative_ts": "disabled"}


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


class PacketCopier:
    """Takes the packets of a reading.

    Args:
        target: the file to write.
        container: libav's name of its kind.
        kinds: of the tracks that are copied.
        unfit: whether there is to be no copy for a packet.
        options: of the container.
    """

    def __init__(
        self,
        target: Path,
        container: str,
        kinds: Collection[str],
        *,
        unfit: Callable[[Packet[Any]], bool],
        options: Mapping[str, str] | None = None,
    ):
        self._target, self._container, self._kinds, self._unfit = target, container, kinds, unfit
        self._options = _OPTIONS | dict(options or {})
        self._output: OutputContainer | None = None
        self._streams: Mapping[int, Any] = {}
        self._tracks: dict[int, _TrackPackets] = {}  # by the track's place in the copy
        self._whole = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._close()

    def begin(self, container: InputContainer) -> None:
        """Open the copy for the tracks of what is going to be read."""
        kept = [stream for stream in container.streams if stream.type in self._kinds]
        with suppress(FFmpegError, ValueError):  # what a container cannot hold is left in the source
            output = av.open(str(self._target), "w", format=self._container, options=self._options)
            self._output = output
            self._streams = {stream.index: output.add_stream_from_template(stream, opaque=True) for stream in kept}
            for stream in kept:
                self._streams[stream.index].metadata.update(stream.metadata)
                self._streams[stream.index].disposition = stream.disposition
            return
        self._give_up()

    def add(self, packet: Packet[Any]) -> None:
        """Take a packet of any track."""
        if self._output is None or packet.stream.index not in self._streams or not packet.size:
            return
        if packet.pts is None or self._unfit(packet):
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
