"""A Flash video without an index, copied into one that has one: each seek would read it from its start."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

from av.packet import Packet

from reelmill.errors import InputError
from reelmill.ffmpeg.reading.packet_index import PacketTaker, take_packets
from reelmill.ffmpeg.reading.probe import open_media
from reelmill.ffmpeg.remux.packet_copier import PacketCopier

#: The container, which takes headers that come on the way as well, and its option.
_CONTAINER: Final = "flv"
_INDEXED: Final = {"flvflags": "add_keyframe_index"}


def copied_with_index(source: Path, target: Path, *takers: PacketTaker) -> bool:
    """Read a Flash video through, and copy it on the way.

    Args:
        source: the video.
        target: the file to write.
        takers: get its packets.

    Returns:
        Whether the copy has all its packets at their times, its beginning at the same.

    Raises:
        FileMissing, NotAVideo, InputError, Unreadable: see ``take_packets``.
    """
    with PacketCopier(target, _CONTAINER, ("video", "audio"), unfit=_is_damaged, options=_INDEXED) as copier:
        take_packets(source, *takers, copier)
    return copier.complete() and _begins_alike(source, target)


def _is_damaged(packet: Packet[Any]) -> bool:
    """What a copy would not say any more."""
    return packet.is_corrupt


def _begins_alike(source: Path, target: Path) -> bool:
    try:
        with open_media(source) as original, open_media(target) as copy:
            return original.start_time == copy.start_time
    except InputError:
        return False
