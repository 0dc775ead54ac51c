"""MPEG-1 and MPEG-2 whose frames change their size, so that a decoder gives all of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

from av.packet import Packet

from reelmill.ffmpeg.reading.probe import MediaInfo
from reelmill.ffmpeg.remux.packet_copy import copy_packets

#: The header of a sequence begins with this code and 3 bytes of sizes; it ends with that one (ISO/IEC 13818-2, 6.2.2).
_HEADER: Final = b"\x00\x00\x01\xb3"
_END: Final = b"\x00\x00\x01\xb7"
_SIZES: Final = 3


def with_ended_sequences(path: Path, info: MediaInfo, target: Path) -> None:
    """Copy a video into Matroska, an end of sequence before every other size: for that a decoder gives what it holds.

    Args:
        path: the video.
        info: its facts.
        target: the file to write.

    Raises:
        FileMissing, NotAVideo, InputError: it does not open.
        Unreadable: the disk does not give its bytes.
    """
    sizes = b""

    def ended(packet: Packet[Any]) -> list[Packet[Any]]:
        nonlocal sizes
        if not packet.size or packet.dts is None:
            return []
        if packet.stream.type != "video" or not packet.is_keyframe:
            return [packet]
        before, sizes = sizes, _sizes(bytes(packet)) or sizes
        if before in (b"", sizes):
            return [packet]
        end = Packet(_END)
        end.pts, end.dts, end.time_base = packet.pts, packet.dts, packet.time_base
        return [end, packet]

    copy_packets(path, info, target, "matroska", ended)


def _sizes(data: bytes) -> bytes:
    """What the sequence header of a keyframe has of sizes; empty where it has no such header."""
    found = data.find(_HEADER)
    return data[found + len(_HEADER) :][:_SIZES] if found >= 0 else b""
