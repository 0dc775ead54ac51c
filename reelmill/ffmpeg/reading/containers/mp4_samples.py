"""The samples of an mp4's video track by the tables in its header, so that nothing but its keyframes has to be read.

libavformat applies edit lists to its index of samples, which has times of decoding, places and keyframes. What it keeps
to itself, how much later each is shown, stands in the box ``ctts`` (ISO/IEC 14496-12, 8.6.1.3). Both together are
believed where the packets at the beginning and at the end are as they have it.
"""

from __future__ import annotations

import struct
from array import array
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, BinaryIO, Final

from av.container import InputContainer
from av.error import FFmpegError
from av.video.stream import VideoStream

from reelmill.ffmpeg.reading.containers.sample_entries import boxes
from reelmill.ffmpeg.reading.demuxing import demuxed

_CONTAINERS: Final = (b"mdia", b"minf", b"stbl")
#: Packets at the beginning that must be as the tables have them.
_ASKED: Final = 32
#: Bytes of a keyframe that are read to see what it is: parameter sets and messages stand before its slices.
_HEAD: Final = 1 << 12


@dataclass(frozen=True)
class Sample:
    """A packet of a video track: a frame, or a part of one that is not shown."""

    pts: int | None  # ticks; None where it is not known
    keyframe: bool
    hidden: bool  # by an edit list
    duration: int  # ticks; 0 where it is not known
    data: bytes  # the beginning of a keyframe, at least; empty for others


def samples_of(path: Path, container: InputContainer, stream: VideoStream) -> list[Sample] | None:
    """The samples of a track in reading order, by its container's own tables.

    Args:
        path: the file.
        container: the same, opened; it is read at its beginning and at its end.
        stream: the track.

    Returns:
        Them, with the duration of those near the end; None where there are no tables, or the packets are otherwise.
        Reading goes on at the beginning then.
    """
    entries = stream.index_entries
    if "mp4" not in container.format.name or not len(entries) or len(entries) != stream.frames:
        return None
    later = _composition_offsets(path, stream.index, len(entries))
    if later is None:
        return None
    times = [entry.timestamp + offset for entry, offset in zip(entries, later, strict=True)]
    places = {entry.pos: number for number, entry in enumerate(entries)}
    durations: dict[int, int] = {}
    last_key = max((number for number in range(len(entries)) if entries[number].is_keyframe), default=0)
    try:
        shift = _shift(islice(_packets(container, stream), _ASKED), times, places, durations)
        container.seek(entries[last_key].timestamp, stream=stream)
        end = _shift(_packets(container, stream), times, places, durations)
    except FFmpegError:
        end, shift = None, None
    if shift is None or shift != end or len(entries) - 1 not in durations:
        container.seek(0)
        return None
    with path.open("rb") as file:
        return [
            Sample(
                times[number] + shift,
                entry.is_keyframe,
                entry.is_discard,
                durations.get(number, 0),
                _head(file, entry) if entry.is_keyframe and not entry.is_discard else b"",
            )
            for number, entry in enumerate(entries)
        ]


def _packets(container: InputContainer, stream: VideoStream) -> Iterator[Any]:
    return (packet for packet in demuxed(container, stream) if packet.size)


def _shift(packets: Iterator[Any], times: list[int], places: dict[int, int], durations: dict[int, int]) -> int | None:
    """By how much all of these packets are shown later than the tables have it; None where not all by the same."""
    shifts = set()
    for packet in packets:
        number = places.get(packet.pos if packet.pos is not None else -1)
        if number is None or packet.pts is None or packet.is_corrupt:
            return None
        shifts.add(packet.pts - times[number])
        durations[number] = packet.duration or 0
    return shifts.pop() if len(shifts) == 1 else None


def _head(file: BinaryIO, entry: Any) -> bytes:
    file.seek(entry.pos)
    return file.read(min(entry.size, _HEAD))


def _composition_offsets(path: Path, track: int, count: int) -> array[int] | None:
    """How much later than it is decoded each sample is shown, in ticks, less the same for all.

    Args:
        path: the file.
        track: which, from 0.
        count: of its samples.

    Returns:
        One for each; None where that cannot be found out.
    """
    with path.open("rb") as file:
        end = path.stat().st_size
        headers = (stop for kind, stop in boxes(file, end) if kind == b"moov")
        tracks = [bounds for stop in headers for bounds in _tracks(file, stop)]
        if track >= len(tracks):
            return None
        file.seek(tracks[track][0])
        data = next(_offsets(file, tracks[track][1]), None)
    if data is None:
        return array("q", [0] * count)
    pairs = struct.iter_unpack(">Ii", data[8 : 8 + len(data[8:]) // 8 * 8])
    found = array("q", (offset for many, offset in pairs for _ in range(min(many, count + 1))))
    return found if len(found) == count else None


def _tracks(file: BinaryIO, end: int) -> list[tuple[int, int]]:
    """Where each track's boxes begin and end."""
    return [(file.tell(), stop) for kind, stop in boxes(file, end) if kind == b"trak"]


def _offsets(file: BinaryIO, end: int) -> Iterator[bytes]:
    """The content of the box of offsets."""
    for kind, stop in boxes(file, end):
        if kind == b"ctts":
            yield file.read(stop - file.tell())
        elif kind in _CONTAINERS:
            yield from _offsets(file, stop)
