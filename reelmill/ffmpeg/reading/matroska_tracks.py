"""The cropping of a Matroska file's video tracks (RFC 9559, 5.1.4.1.28), which libav's streams do not have in PyAV.

Only the header is read: elements before the first cluster, and of those not of interest no more than their sizes.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, Final

from reelmill.ffmpeg.reading.cropping import UNCROPPED, Cropping

_SEGMENT: Final = 0x18538067
_TRACKS: Final = 0x1654AE6B
_CLUSTER: Final = 0x1F43B675
_ENTRY: Final = 0xAE
_VIDEO: Final = 0xE0
_EDGES: Final = {0x54CC: "left", 0x54BB: "top", 0x54DD: "right", 0x54AA: "bottom"}

_ENTERED: Final = (_SEGMENT, _TRACKS)


def croppings(path: Path) -> tuple[Cropping, ...]:
    """One for each track of a Matroska file, in the order of its tracks; those of a damaged header are left out."""
    with path.open("rb") as file:
        return tuple(_entries(file, path.stat().st_size))


def _entries(file: BinaryIO, end: int) -> Iterator[Cropping]:
    for kind, stop in _elements(file, end):
        if kind == _CLUSTER:
            return
        if kind in _ENTERED:
            yield from _entries(file, stop)
            if kind == _TRACKS:
                return
        elif kind == _ENTRY:
            yield _cropping(file, stop)


def _cropping(file: BinaryIO, end: int) -> Cropping:
    found = UNCROPPED
    for kind, stop in _elements(file, end):
        if kind == _VIDEO:
            edges = {}
            for edge, last in _elements(file, stop):
                if edge in _EDGES and last - file.tell() <= 8:
                    edges[_EDGES[edge]] = int.from_bytes(file.read(last - file.tell()), "big")
            found = Cropping(**edges)
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
