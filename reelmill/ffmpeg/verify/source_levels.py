"""How loud a source is, or a segment of it, by decoding its audio."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from av.error import FFmpegError
from av.packet import Packet

from reelmill.ffmpeg.reading.audio.audio_levels import UNKNOWN, Levels, known
from reelmill.ffmpeg.reading.audio.audio_seek import seek_audio
from reelmill.ffmpeg.reading.decode_report import Tally
from reelmill.ffmpeg.reading.decode_request import DecodeRequest
from reelmill.ffmpeg.reading.demuxing import demuxed
from reelmill.ffmpeg.reading.parallel_decode import check_other_tracks
from reelmill.ffmpeg.reading.probe import open_media, probe
from reelmill.ffmpeg.reading.tracks import decodable_audio

#: Read so many seconds earlier: decoders come in late, and some containers seek by guessing.
_EARLY: Final = 1.0


@dataclass(frozen=True)
class TrackLevels:
    """How loud the audio tracks of a file are."""

    layouts: tuple[str | None, ...]  # what each was mixed to; None, or none: as it is
    levels: tuple[Levels | None, ...]


def track_levels(path: Path, layouts: tuple[str | None, ...]) -> TrackLevels:
    """The levels of each audio track of ``path``, mixed to these layouts, by decoding all of its audio."""
    return TrackLevels(layouts, check_other_tracks(path, DecodeRequest(levels=True, layouts=layouts)).levels)


def layouts_of(path: Path) -> tuple[str | None, ...]:
    """The channel layout of each audio track that decodes; None where it is not known which channel is which."""
    with open_media(path) as container:
        found = [known(stream.codec_context.layout) for _, stream in decodable_audio(container)]
        return tuple(None if UNKNOWN in channels else layout for layout, channels in found)


def levels_between(path: Path, begin: float, end: float, layout: str | None) -> tuple[Levels, float] | None:
    """Levels of the first audio track that decodes.

    Args:
        path: the file.
        begin: seconds from the start of the file.
        end: the same.
        layout: what the channels are mixed to; None: as they are.

    Returns:
        The levels, and when the file starts on its own clock; None where no audio decodes.
    """
    heard = probe(path).audio
    if not heard:
        return None
    tally = Tally(request=DecodeRequest(levels=True, layouts=(layout,)))
    with open_media(path) as container:
        start = (container.start_time or 0) / 1_000_000
        streams = [container.streams.audio[heard[0].index]]
        tally.follow_audio(streams)
        try:
            if begin > _EARLY:
                seek_audio(container, streams[0], start + begin - _EARLY)
            for packet in _until(demuxed(container, streams), start + end):
                tally.decode(packet)
        except FFmpegError:  # what could be read is compared
            pass
    found = tally.report().levels
    return (found[0], start) if found and found[0] is not None else None


def _until(packets: Iterator[Packet[Any]], end: float) -> Iterator[Packet[Any]]:
    for packet in packets:
        if packet.pts is not None and packet.time_base is not None and float(packet.pts * packet.time_base) > end:
            return
        yield packet
