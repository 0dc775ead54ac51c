"""The audio and subtitle tracks of an mp4 alone: its own index without the video track, and nothing of that is read.

All that the index has of the other tracks stays byte for byte, edit lists among it, but for where their chunks are
(ISO/IEC 14496-12, 8.7.5).
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import BinaryIO, Final

_HEARD: Final = b"soun"
_TEXTS: Final = (b"text", b"sbtl", b"subt", b"clcp")
_VIDEO: Final = b"vide"
_NESTED: Final = (b"trak", b"mdia", b"minf", b"stbl")
#: A box of this kind is skipped by whoever reads the file.
_FREE: Final = b"free"
#: Bytes of an index, at most: it is held in memory.
_MOST: Final = 1 << 28
_BLOCK: Final = 1 << 20  # bytes that are copied at once
#: Bytes of a box's header, and of one that is larger than 4 GiB may be.
_HEADER: Final = 8
_LARGE: Final = 16


@dataclass(frozen=True)
class _Box:
    kind: bytes
    start: int  # of its header
    body: int
    end: int


@dataclass(frozen=True)
class _SampleRuns:
    """Where the samples of a track are, run by run: ISO's chunks."""

    table: int  # the place of the first of its offsets in the index
    width: int  # bytes of an offset
    offsets: tuple[int, ...]
    sizes: tuple[int, ...]


def without_video(source: Path, target: Path) -> bool:
    """Write the audio of an mp4, and its subtitles that are text, into one without its one video track.

    Args:
        source: the mp4.
        target: the file to write.

    Returns:
        False where nothing was written that is of use: the file is of fragments, cut off, has several video tracks,
        or tables of a kind that are not read here.

    Raises:
        OSError: one of the files cannot be read or written.
    """
    size = source.stat().st_size
    with source.open("rb", buffering=0) as file, target.open("wb") as output:
        found = {box.kind: box for box in _boxes_of_file(file, size)}
        if not {b"ftyp", b"moov"} <= found.keys() or b"moof" in found or found[b"moov"].end > size:
            return False
        kind, header = (_read(file, found[name].start, found[name].end) for name in (b"ftyp", b"moov"))
        index = bytearray(header)
        try:
            chunks = _free_other_tracks(index)
        except (struct.error, _UnknownTable):
            return False
        taken = _place(index, chunks, len(kind) + len(index) + _LARGE)
        if taken is None or any(end > size for _, end in taken):
            return False
        held = sum(end - start for start, end in taken)
        output.write(kind + index + struct.pack(">I4sQ", 1, b"mdat", held + _LARGE))
        written = sum(output.write(_read(file, at, to)) for start, end in taken for at, to in _blocks(start, end))
    return written == held


class _UnknownTable(Exception):
    """A table of a kind that is not read here."""


def _boxes_of_file(file: BinaryIO, size: int) -> Iterator[_Box]:
    place = 0
    while place + _HEADER <= size:
        length, kind = struct.unpack(">I4s", _read(file, place, place + _HEADER))
        body = place + _HEADER
        if length == 1:
            if place + _LARGE > size:
                return
            length, body = struct.unpack(">Q", _read(file, body, body + _HEADER))[0], body + _HEADER
        end = size if length == 0 else place + length
        if end < body or (kind == b"moov" and end - place > _MOST):
            return
        yield _Box(kind, place, body, end)
        place = end


def _blocks(start: int, end: int) -> Iterator[tuple[int, int]]:
    return ((at, min(end, at + _BLOCK)) for at in range(start, end, _BLOCK))


def _read(file: BinaryIO, start: int, end: int) -> bytes:
    file.seek(start)
    data = bytearray()
    while start < end and (more := file.read(end - start)):
        data += more
        start += len(more)
    return bytes(data)


def _boxes(index: bytes | bytearray, start: int, end: int) -> Iterator[_Box]:
    """The boxes of an index between two places."""
    while start + _HEADER <= end:
        length, kind = struct.unpack_from(">I4s", index, start)
        if length < _HEADER or start + length > end:
            return
        yield _Box(kind, start, start + _HEADER, start + length)
        start += length


def _free_other_tracks(index: bytearray) -> list[_SampleRuns]:
    """The chunks of the tracks that stay; the others are marked as free, so that nobody reads them.

    Returns:
        Those of each track that stays, in the order of the tracks.

    Raises:
        _UnknownTable: the tracks cannot be taken apart.
        struct.error: a table is cut off.
    """
    tracks = list(_boxes(index, _HEADER, len(index)))
    if any(box.kind in (b"mvex", b"cmov") for box in tracks):
        raise _UnknownTable
    found: list[_SampleRuns] = []
    videos = 0
    for track in tracks:
        if track.kind != b"trak":
            continue
        inner = {box.kind: box for box in _within(index, track)}
        handler = bytes(index[inner[b"hdlr"].body + 8 : inner[b"hdlr"].body + 12]) if b"hdlr" in inner else b""
        videos += handler == _VIDEO
        if handler == _HEARD or handler in _TEXTS:
            found.append(_chunks(index, inner))
        else:
            index[track.start + 4 : track.start + _HEADER] = _FREE
    if videos != 1 or not found:
        raise _UnknownTable
    return found


def _within(index: bytearray, box: _Box) -> Iterator[_Box]:
    for inner in _boxes(index, box.body, box.end):
        if inner.kind in _NESTED:
            yield from _within(index, inner)
        elif inner.kind != b"hdlr" or index[inner.body + 4 : inner.body + 8] != b"dhlr":  # QuickTime's second one
            yield inner


def _chunks(index: bytearray, inner: dict[bytes, _Box]) -> _SampleRuns:
    """Where the chunks of a track are and how long each is, by ``stco`` or ``co64``, ``stsc`` and ``stsz``."""
    places = inner.get(b"stco") or inner.get(b"co64")
    if places is None or b"stsc" not in inner or b"stsz" not in inner:
        raise _UnknownTable
    width, letter = (4, "I") if places.kind == b"stco" else (8, "Q")
    count = struct.unpack_from(">I", index, places.body + 4)[0]
    offsets = struct.unpack_from(f">{count}{letter}", index, places.body + 8)
    runs = struct.unpack_from(">I", index, inner[b"stsc"].body + 4)[0]
    firsts = struct.unpack_from(f">{3 * runs}I", index, inner[b"stsc"].body + 8)
    uniform, samples = struct.unpack_from(">II", index, inner[b"stsz"].body + 4)
    if uniform:  # of uncompressed audio a sample may be called a byte whatever it takes
        raise _UnknownTable
    lengths = struct.unpack_from(f">{samples}I", index, inner[b"stsz"].body + 12)
    sizes, place = [], 0
    for (first, many), following in pairwise([*zip(firsts[::3], firsts[1::3], strict=True), (count + 1, 0)]):
        for _ in range(first, min(following[0], count + 1)):
            sizes.append(sum(lengths[place : place + many]))
            place += many
    if len(sizes) != count or place < samples:
        raise _UnknownTable
    return _SampleRuns(places.body + 8, width, offsets, tuple(sizes))


def _place(index: bytearray, tracks: Sequence[_SampleRuns], begin: int) -> list[tuple[int, int]] | None:
    """Write into the index where each chunk comes, from ``begin`` on; in the order in which the source has them.

    Returns:
        The bytes of the source to write there, as they follow one another; None where a place is too large to be
        written.
    """
    order = sorted(
        (offset, size, track, number)
        for track, chunks in enumerate(tracks)
        for number, (offset, size) in enumerate(zip(chunks.offsets, chunks.sizes, strict=True))
    )
    taken: list[tuple[int, int]] = []
    for offset, size, track, number in order:
        chunks = tracks[track]
        if begin >> (8 * chunks.width):
            return None
        struct.pack_into(">I" if chunks.width == 4 else ">Q", index, chunks.table + number * chunks.width, begin)
        if taken and taken[-1][1] == offset:
            taken[-1] = taken[-1][0], offset + size
        else:
            taken.append((offset, offset + size))
        begin += size
    return taken
