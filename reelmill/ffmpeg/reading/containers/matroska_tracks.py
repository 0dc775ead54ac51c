"""What a Matroska file has of its video tracks and libav's streams do not have in PyAV: cropping and Dolby Vision.

RFC 9559, 5.1.4.1.28 and 5.1.4.1.17; Dolby Vision streams within the Matroska container.

Only the header is read: elements before the first cluster, and of those not of interest no more than their sizes.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import BinaryIO, Final

from reelmill.ffmpeg.reading.cropping import UNCROPPED, Cropping

_SEGMENT: Final = 0x18538067
_TRACKS: Final = 0x1654AE6B
_CLUSTER: Final = 0x1F43B675
_ENTRY: Final = 0xAE
_VIDEO: Final = 0xE0
_ADDITION: Final = 0x41E4
_ADDITION_TYPE: Final = 0x41E7
_ADDITION_DATA: Final = 0x41ED
_DOLBY_VISION: Final = (b"dvcC", b"dvvC", b"dvwC")
#: Bytes of an addition's data that are read.
_MOST: Final = 64
_EDGES: Final = {0x54CC: "left", 0x54BB: "top", 0x54DD: "right", 0x54AA: "bottom"}

_ENTERED: Final = (_SEGMENT, _TRACKS)


@dataclass(frozen=True)
class MatroskaTrack:
    """Of one track."""

    cropping: Cropping = UNCROPPED
    dolby_vision: int | None = None  # its profile, where it has one


def matroska_tracks(path: Path) -> tuple[MatroskaTrack, ...]:
    """One for each track of a Matroska file, in the order of its tracks; those of a damaged header are left out."""
    with path.open("rb") as file:
        return tuple(_entries(file, path.stat().st_size))


def _entries(file: BinaryIO, end: int) -> Iterator[MatroskaTrack]:
    for kind, stop in _elements(file, end):
        if kind == _CLUSTER:
            return
        if kind in _ENTERED:
            yield from _entries(file, stop)
            if kind == _TRACKS:
                return
        elif kind == _ENTRY:
            yield _track(file, stop)


def _track(file: BinaryIO, end: int) -> MatroskaTrack:
    found = MatroskaTrack()
    for kind, stop in _elements(file, end):
        if kind == _VIDEO:
            edges = {
                _EDGES[edge]: int.from_bytes(file.read(last - file.tell()), "big")
                for edge, last in _elements(file, stop)
                if edge in _EDGES and last - file.tell() <= 8
            }
            found = replace(found, cropping=Cropping(**edges))
        elif kind == _ADDITION:
            added = {
                name: file.read(min(_MOST, last - file.tell()))
                for name, last in _elements(file, stop)
                if name in (_ADDITION_TYPE, _ADDITION_DATA)
            }
            record = added.get(_ADDITION_DATA, b"")
            if added.get(_ADDITION_TYPE) in _DOLBY_VISION and len(record) >= 3:
                found = replace(found, dolby_vision=record[2] >> 1)
    return found


def _elements(file: BinaryIO, end: int) -> Iterator[tuple[int, int]]:
    """The id and the end of each element between here and ``end``; each is entered, and left as a whole."""
    while file.tell() < end:
        kind, size = _number(file, marked=True), _number(file, marked=False)
        if kind is None or size is None:
            return
        stop = end if size < 0 else min(end, file.tell() + size)
        yield kind, stop
        file.seek(stop)


def _number(file: BinaryIO, *, marked: bool) -> int | None:
    """A number of variable length (RFC 8794, 4), with its marker as ids are written, or without it as sizes are.

    Returns:
        The number; -1 for a size that is not known, None at the end of the file or where none is.
    """
    first = file.read(1)
    if not first or not first[0]:
        return None
    length = 9 - first[0].bit_length()
    rest = file.read(length - 1)
    if len(rest) < length - 1:
        return None
    value = int.from_bytes(first + rest, "big")
    if marked:
        return value
    bits = 7 * length
    value &= (1 << bits) - 1
    return -1 if value == (1 << bits) - 1 else value
