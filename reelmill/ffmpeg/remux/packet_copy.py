"""The tracks of a video that decode, copied packet by packet into another file."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import av
from av.container import InputContainer
from av.error import FFmpegError
from av.packet import Packet

from reelmill.errors import InputError
from reelmill.ffmpeg.reading.demuxing import demuxed
from reelmill.ffmpeg.reading.probe import MediaInfo, blame_disk, main_video, open_media
from reelmill.ffmpeg.reading.tracks import UNKNOWN

#: How many microseconds ahead ffmpeg sends what a decoder needs, by container.
_DELAYS: Final = {"mpegts": {"max_delay": "700000"}, "vob": {"max_delay": "700000", "preload": "500000"}}


def copy_packets(
    path: Path,
    info: MediaInfo,
    target: Path,
    container: str,
    change: Callable[[Packet[Any]], Iterable[Packet[Any]]],
) -> None:
    """Copy the main video track, the audio tracks that decode and the subtitles.

    Matroska gets those of Matroska alone: it does not hold all that others do.

    A packet that comes before the one before it, as where recordings that were joined overlap, is put behind that.

    Args:
        path: the video.
        info: its facts.
        target: the file to write.
        container: ffmpeg's name of what to write.
        change: takes each packet, and returns those that are written in its place.

    Raises:
        FileMissing, NotAVideo: it does not open.
        InputError: it does not open, or the container does not take what it holds.
        Unreadable: the disk does not give its bytes.
        OSError: the target cannot be written.
    """
    options = _DELAYS.get(container, {})
    with open_media(path) as source, av.open(str(target), "w", format=container, options=options) as output:
        found = main_video(source)
        assert found is not None
        kept: list[Any] = [found[1], *(source.streams.audio[track.index] for track in info.audio)]
        if container != "matroska" or "matroska" in info.container:
            named = zip(source.streams.subtitles, info.subtitle_codecs, strict=True)
            kept += [stream for stream, codec in named if codec != UNKNOWN]
        streams = {stream.index: output.add_stream_from_template(stream) for stream in kept}
        for stream in kept:
            streams[stream.index].metadata.update(stream.metadata)
            streams[stream.index].disposition = stream.disposition
        latest: dict[int, int] = {}
        for packet in _packets(path, source, kept):
            stream = streams[packet.stream.index]
            for changed in change(packet):
                _put_behind(changed, latest, stream.index)
                changed.stream = stream
                with _refusals_named(path, container):
                    output.mux(changed)


@contextmanager
def _refusals_named(path: Path, container: str) -> Iterator[None]:
    """Say which file it is whose packet a container refuses; a disk without room is no fault of the file's."""
    try:
        yield
    except ValueError as error:  # libav's EINVAL
        raise InputError(f"{path.name} holds what cannot be copied into {container} ({error}).", path) from error


def _put_behind(packet: Packet[Any], latest: dict[int, int], track: int) -> None:
    """Times that do not go backwards: containers refuse a packet whose DTS is before the last one's."""
    if packet.dts is None:
        return
    dts = max(packet.dts, latest.get(track, packet.dts))
    if dts != packet.dts and packet.pts is not None:
        packet.pts = max(packet.pts, dts)
    packet.dts = latest[track] = dts


def _packets(path: Path, source: InputContainer, kept: Sequence[Any]) -> Iterator[Packet[Any]]:
    try:
        yield from demuxed(source, kept)
    except FFmpegError as error:  # what comes before the damage counts
        blame_disk(error, path)
