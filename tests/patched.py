"""Files as cameras, recorders and careless tools leave them, made from good ones by changing a few bytes."""

from __future__ import annotations

import random
import struct
from pathlib import Path
from typing import Final

_NESTED: Final = (b"moov", b"trak", b"mdia", b"minf", b"stbl")


def unknown_codec(source: Path, target: Path, name: bytes, *, place: int = 0) -> Path:
    """A copy of an mp4 in which the ``place``-th sample entry ``name`` is called "zzzz", which no decoder knows."""
    data = bytearray(source.read_bytes())
    at = data.index(b"moov")
    for _ in range(place + 1):
        at = data.index(b"stsd", at) + 4
        while data[at + 12 : at + 16] != name:
            at = data.index(b"stsd", at) + 4
    data[at + 12 : at + 16] = b"zzzz"
    target.write_bytes(data)
    return target


def clean_aperture(source: Path, target: Path, width: int, height: int) -> Path:
    """A copy of an H.264 mp4, its index at the end, of which only the middle is shown (ISO/IEC 14496-12, 12.1.4)."""
    data = source.read_bytes()
    entry = data.index(b"avc1", data.index(b"moov")) - 4
    end = entry + int.from_bytes(data[entry : entry + 4], "big")
    box = struct.pack(">I4sIIIIiIiI", 40, b"clap", width, 1, height, 1, 0, 1, 0, 1)
    out = bytearray(data[:end] + box + data[end:])
    for place in (*_around(data, entry), entry):
        out[place : place + 4] = (int.from_bytes(out[place : place + 4], "big") + len(box)).to_bytes(4, "big")
    target.write_bytes(out)
    return target


def _around(data: bytes, inner: int) -> list[int]:
    """Where the boxes begin that ``inner`` lies in."""
    found, at = [], 0
    while at < inner:
        size, kind = int.from_bytes(data[at : at + 4], "big"), data[at + 4 : at + 8]
        if not at < inner < at + size:
            at += size
            continue
        found.append(at)
        if kind not in _NESTED:
            break
        at += 8
    return found


def shown_at_zero(source: Path, target: Path) -> Path:
    """A copy of an FLV with H.264 in which every frame says that it is shown at 0: its composition time is wrong."""
    data = bytearray(source.read_bytes())
    at = int.from_bytes(data[5:9], "big") + 4  # after the header and the size of no tag before (FLV 10.1, E.2)
    while at + 11 <= len(data):
        size, body = int.from_bytes(data[at + 1 : at + 4], "big"), at + 11
        read = int.from_bytes(data[at + 7 : at + 8] + data[at + 4 : at + 7], "big")
        if data[at] == 9 and data[body + 1] == 1:  # video, and not its parameter sets
            data[body + 2 : body + 5] = (-read).to_bytes(3, "big", signed=True)
        at = body + size + 4
    target.write_bytes(data)
    return target


def joined_flash(target: Path, first: Path, second: Path, *, after: float) -> Path:
    """Two FLVs as one, the second beginning so many seconds after the first did: their headers stand where they came.

    Tags have their times in 24 bits and the eight above those (FLV 10.1, E.4.1).
    """
    data, late = bytearray(second.read_bytes()), round(after * 1000)
    begin = at = int.from_bytes(data[5:9], "big") + 4
    while at + 11 <= len(data):
        time = (int.from_bytes(data[at + 7 : at + 8] + data[at + 4 : at + 7], "big") + late).to_bytes(4, "big")
        data[at + 4 : at + 8] = time[1:] + time[:1]
        at += 11 + int.from_bytes(data[at + 1 : at + 4], "big") + 4
    whole, length = bytearray(first.read_bytes()), b"duration\0"
    (lasts,) = struct.unpack_from(">d", data, data.index(length) + len(length))
    struct.pack_into(">d", whole, whole.index(length) + len(length), after + lasts)
    target.write_bytes(whole + data[begin:])
    return target


def same_time(source: Path) -> Path:
    """An mp4 with frames between frames, of which one is to be shown with another (ISO/IEC 14496-12, 8.6.1)."""
    data = bytearray(source.read_bytes())
    table, step = data.index(b"ctts"), int.from_bytes(data[data.index(b"stts") + 16 :][:4], "big")
    entries = range(table + 12, table + 12 + 8 * int.from_bytes(data[table + 8 : table + 12], "big"), 8)
    single = next(at for at in entries if struct.unpack_from(">I", data, at)[0] == 1)
    struct.pack_into(">I", data, single + 4, struct.unpack_from(">I", data, single + 4)[0] + step)
    source.write_bytes(data)
    return source


def joined(target: Path, *parts: Path) -> Path:
    """Transport streams one after the other, as recorders and people join them: the clock of each as it was."""
    target.write_bytes(b"".join(part.read_bytes() for part in parts))
    return target


def with_lost_packets(source: Path, track: int) -> Path:
    """A transport stream of which each fortieth packet of a track was not received (ISO/IEC 13818-1, 2.4.3.2)."""
    data, kept, place = source.read_bytes(), list[bytes](), 0
    for at in range(0, len(data), 188):
        packet = data[at : at + 188]
        ours = int.from_bytes(packet[1:3], "big") & 0x5FFF == track  # and goes on with what began in one before
        place += ours
        if not ours or place % 40 != 5:
            kept.append(packet)
    source.write_bytes(b"".join(kept))
    return source


def promising_frames(source: Path, target: Path, frames: int) -> Path:
    """A copy of an AVI whose headers promise so many frames: nobody came back to correct them."""
    data = bytearray(source.read_bytes())
    struct.pack_into("<I", data, data.index(b"avih") + 8 + 16, frames)
    struct.pack_into("<I", data, data.index(b"strh") + 8 + 32, frames)
    target.write_bytes(data)
    return target


def scrambled(source: Path, target: Path) -> Path:
    """A copy of a transport stream with noise in the packets of its middle, whose headers are as they were."""
    data, noise = bytearray(source.read_bytes()), random.Random(7)
    packets = len(data) // 188
    for packet in range(packets // 3, packets // 2):
        data[packet * 188 + 60 : packet * 188 + 180] = noise.randbytes(120)
    target.write_bytes(data)
    return target


def two_sample_entries(target: Path, first: Path, second: Path) -> Path:
    """Two mp4s of one H.264 track and one clock as one track: a sample entry for each (ISO/IEC 14496-12, 8.5.2)."""
    tables = [_video_tables(path.read_bytes()) for path in (first, second)]
    samples = [one for path, table in zip((first, second), tables, strict=True) for one in _samples(path, table)]
    ticks = [count * delta for table in tables for count, delta in struct.iter_unpack(">II", table[b"stts"][8:])]
    begin = len(_box(b"ftyp", b"isom\0\0\0\0isom")) + 8
    places, at = [], begin
    for sample in samples:
        places.append(at)
        at += len(sample)
    counts = [struct.unpack_from(">I", table[b"stsz"], 8)[0] for table in tables]
    keys = [
        place + shift
        for table, shift in zip(tables, (0, counts[0]), strict=True)
        for (place,) in struct.iter_unpack(">I", table[b"stss"][8:])
    ]
    boxes = {
        b"stsd": _rows(*(table[b"stsd"][8:] for table in tables)),
        b"stts": _rows(*(table[b"stts"][8:] for table in tables)),
        b"stss": _rows(*(struct.pack(">I", key) for key in keys)),
        b"stsc": _rows(struct.pack(">III", 1, 1, 1), struct.pack(">III", counts[0] + 1, 1, 2)),
        b"stsz": bytes(8) + struct.pack(">I", len(samples)) + b"".join(struct.pack(">I", len(one)) for one in samples),
        b"stco": _rows(*(struct.pack(">I", place) for place in places)),
    }
    clock = struct.unpack_from(">I", first.read_bytes(), first.read_bytes().index(b"mdhd") + 16)[0]
    header = struct.pack(">4I", 0, 0, 0, clock) + struct.pack(">I", sum(ticks)) + bytes(4)
    unity = struct.pack(">9I", 1 << 16, 0, 0, 0, 1 << 16, 0, 0, 0, 1 << 30)
    movie = struct.pack(">5I", 0, 0, 0, clock, sum(ticks)) + struct.pack(">IH10x", 1 << 16, 256) + unity + bytes(24)
    track = struct.pack(">6I", 3, 0, 0, 1, 0, sum(ticks)) + bytes(16) + unity + struct.pack(">II", 160 << 16, 120 << 16)
    table = _box(b"stbl", b"".join(_box(name, content) for name, content in boxes.items()))
    data = _box(b"dinf", _box(b"dref", _rows(_box(b"url ", b"\0\0\0\1"))))
    media = _box(b"minf", _box(b"vmhd", b"\0\0\0\1" + bytes(8)) + data + table)
    handler = _box(b"hdlr", bytes(8) + b"vide" + bytes(13))
    media = _box(b"mdia", _box(b"mdhd", header) + handler + media)
    moov = _box(b"moov", _box(b"mvhd", movie + struct.pack(">I", 2)) + _box(b"trak", _box(b"tkhd", track) + media))
    target.write_bytes(_box(b"ftyp", b"isom\0\0\0\0isom") + _box(b"mdat", b"".join(samples)) + moov)
    return target


def _box(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I4s", 8 + len(content), kind) + content


def _rows(*rows: bytes) -> bytes:
    return struct.pack(">II", 0, len(rows)) + b"".join(rows)


def _video_tables(data: bytes) -> dict[bytes, bytes]:
    """The contents of the tables of an mp4's only track."""
    found, at = {}, data.index(b"stbl", data.index(b"moov")) + 4
    for _ in range(16):
        size, kind = int.from_bytes(data[at : at + 4], "big"), data[at + 4 : at + 8]
        if not kind.startswith((b"st", b"ct", b"sg", b"sb", b"sd")):
            break
        found[kind] = data[at + 8 : at + size]
        at += size
    return found


def _samples(path: Path, tables: dict[bytes, bytes]) -> list[bytes]:
    """Of a track whose file has nothing else: they stand one after the other."""
    data, at = path.read_bytes(), struct.unpack_from(">I", tables[b"stco"], 8)[0]
    found = []
    for (size,) in struct.iter_unpack(">I", tables[b"stsz"][12:]):
        found.append(data[at : at + size])
        at += size
    return found


def with_display_matrix(source: Path, target: Path, *matrix: int) -> Path:
    """A copy of an mp4 whose first track says to be shown by nine numbers (ISO/IEC 14496-12, 8.3.2)."""
    data = bytearray(source.read_bytes())
    struct.pack_into(">9i", data, data.index(b"tkhd") + 4 + 40, *matrix)
    target.write_bytes(data)
    return target
