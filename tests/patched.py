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


def joined(target: Path, *parts: Path) -> Path:
    """Transport streams one after the other, as recorders and people join them: the clock of each as it was."""
    target.write_bytes(b"".join(part.read_bytes() for part in parts))
    return target


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
