"""The sample entries of an mp4's tracks: what each is coded in, and how much of its frames is shown.

Only the headers of boxes are read (ISO/IEC 14496-12, 4.2 and 8.5.2).
"""

from __future__ import annotations

import math
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from itertools import islice
from pathlib import Path
from typing import BinaryIO, Final

from reelmill.ffmpeg.reading.cropping import UNCROPPED, Cropping

_CONTAINERS: Final = (b"moov", b"trak", b"mdia", b"minf", b"stbl")
#: Bytes of a visual sample entry before the boxes in it, and where its size in pixels stands (12.1.3).
_VISUAL: Final = 86
_PIXELS: Final = 32
#: No sample entry is longer.
_MOST: Final = 1 << 16


@dataclass(frozen=True)
class SampleEntry:
    """The first sample entry of one track."""

    name: str  # four characters
    cropping: Cropping  # what the clean aperture leaves out
    dolby_vision: int | None = None  # its profile, where it has one


def sample_entries(path: Path) -> tuple[SampleEntry, ...]:
    """One for each track of an mp4, in the order of its tracks."""
    with path.open("rb") as file:
        return tuple(_entry(data) for data in _descriptions(file, path.stat().st_size))


def _descriptions(file: BinaryIO, end: int) -> Iterator[bytes]:
    """The first sample entry of each track between here and ``end``."""
    for kind, stop in boxes(file, end):
        if kind == b"stsd":
            file.read(8)  # version and flags, count
            yield file.read(min(_MOST, stop - file.tell()))
        elif kind in _CONTAINERS:
            yield from _descriptions(file, stop)


@dataclass(frozen=True)
class Description:
    """From which of its samples on a track is described by another sample entry, and by which parameter sets."""

    sample: int  # from 0
    extradata: bytes  # as libav has it; empty where the entry has none that are known


def descriptions(path: Path, track: int) -> tuple[Description, ...]:
    """Where an mp4's track begins to be described by each of its sample entries, in the order of its samples.

    Args:
        path: the file.
        track: which, from 0.

    Returns:
        Them; none where all of its samples have one.
    """
    with path.open("rb") as file:
        tables = next(islice(_tables(file, path.stat().st_size), track, None), {})
    entries = list(_sample_entries(tables.get(b"stsd", b"")))
    if len(entries) < 2:
        return ()
    extradata = [_parameter_sets(entry) for entry in entries]
    chunks = list(struct.iter_unpack(">III", _rows(tables.get(b"stsc", b""), 12)))
    found, sample, before = [], 0, 0
    for number, (first, samples, entry) in enumerate(chunks):
        if entry != before and 0 < entry <= len(entries):
            found.append(Description(sample, extradata[entry - 1]))
            before = entry
        if number + 1 < len(chunks):
            sample += samples * (chunks[number + 1][0] - first)
    return tuple(found)


def _tables(file: BinaryIO, end: int) -> Iterator[dict[bytes, bytes]]:
    """The boxes ``stsd`` and ``stsc`` of each track between here and ``end``."""
    for kind, stop in boxes(file, end):
        if kind == b"stbl":
            yield {
                inner: file.read(last - file.tell()) for inner, last in boxes(file, stop) if inner in (b"stsd", b"stsc")
            }
        elif kind in _CONTAINERS:
            yield from _tables(file, stop)


def _rows(table: bytes, size: int) -> bytes:
    """What a table has after its version, its flags and its count, in whole rows."""
    return table[8 : 8 + (len(table) - 8) // size * size] if len(table) > 8 else b""


def _sample_entries(table: bytes) -> Iterator[bytes]:
    place = 8
    while place + 8 <= len(table):
        size = max(8, int.from_bytes(table[place : place + 4], "big"))
        yield table[place : place + size]
        place += size


def _parameter_sets(entry: bytes) -> bytes:
    """The content of the box that has them (ISO/IEC 14496-15, 5.4.2.1 and 8.4.1.1)."""
    return next((content for kind, content in _inner_boxes(entry) if kind in (b"avcC", b"hvcC")), b"")


def boxes(file: BinaryIO, end: int) -> Iterator[tuple[bytes, int]]:
    """The kind and the end of each box between here and ``end``; each is entered, and left as a whole."""
    while file.tell() < end and len(header := file.read(8)) == 8:
        start, size, kind = file.tell() - 8, int.from_bytes(header[:4], "big"), header[4:]
        if size == 1:
            size = int.from_bytes(file.read(8), "big")
        stop = end if size == 0 else start + size
        if stop < file.tell():  # damage
            return
        yield kind, min(stop, end)
        file.seek(stop)


def _entry(data: bytes) -> SampleEntry:
    size = int.from_bytes(data[:4], "big")
    return SampleEntry(data[4:8].decode("latin-1"), _clean_aperture(data[:size]), _dolby_vision(data[:size]))


def _inner_boxes(entry: bytes) -> Iterator[tuple[bytes, bytes]]:
    """The kind and the content of each box in a visual sample entry."""
    place = _VISUAL
    while place + 8 <= len(entry):
        size, kind = int.from_bytes(entry[place : place + 4], "big"), entry[place + 4 : place + 8]
        yield kind, entry[place + 8 : place + max(8, size)]
        place += max(8, size)


def _clean_aperture(entry: bytes) -> Cropping:
    """An entry's clean aperture (12.1.4), as ffmpeg crops to it: its edges rounded down to whole pixels."""
    for kind, content in _inner_boxes(entry):
        if kind == b"clap" and len(content) >= 32:
            sides = struct.unpack(">HH", entry[_PIXELS : _PIXELS + 4])
            return _cropped(sides, struct.unpack(">IIIIiIiI", content[:32]))
    return UNCROPPED


def _dolby_vision(entry: bytes) -> int | None:
    """The profile of Dolby Vision (Dolby Vision Streams within the ISO Base Media File Format, 2.2)."""
    for kind, content in _inner_boxes(entry):
        if kind in (b"dvcC", b"dvvC", b"dvwC") and len(content) >= 3:
            return content[2] >> 1
    return None


def _cropped(sides: tuple[int, int], numbers: tuple[int, ...]) -> Cropping:
    """What an aperture leaves out.

    Args:
        sides: of the whole frame, in pixels.
        numbers: numerator and denominator of its width, its height and the two offsets of its middle.

    Returns:
        The cropping; none where the aperture makes no sense.
    """
    if 0 in numbers[1::2]:
        return UNCROPPED
    width, height, right, down = (Fraction(*numbers[place : place + 2]) for place in range(0, 8, 2))
    found = []
    for side, length, offset in ((sides[0], width, right), (sides[1], height, down)):
        middle = Fraction(side - 1, 2) + offset
        begin = middle - (length - 1) / 2
        first, last = math.floor(begin), math.floor(begin + length - 1)
        if not 0 <= first <= last < side:
            return UNCROPPED
        found.append((first, side - 1 - last))
    (left, right_edge), (top, bottom) = found
    return Cropping(left, top, right_edge, bottom)
