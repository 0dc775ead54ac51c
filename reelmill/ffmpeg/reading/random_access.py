"""May decoding begin at a keyframe? Found by decoding it both ways and comparing."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from fractions import Fraction
from itertools import chain, islice
from pathlib import Path
from typing import Any, Final

from av.error import FFmpegError
from av.packet import Packet
from av.video.frame import VideoFrame

from reelmill.ffmpeg.reading.packet_index import Index, Keyframe
from reelmill.ffmpeg.reading.seeking import Footage, seek_times

#: Frames compared: more than any that a later one refers to past the keyframe (16, ITU-T H.264, A.3.1).
_COMPARED: Final = 17
#: Seconds after which a packet that did not come stands before where a seek has landed.
_PAST: Final = 1


def enterable(path: Path, index: Index, keyframe: Keyframe) -> bool:
    """Whether decoding from ``keyframe`` on gives, frame by frame, what decoding from the one before it gives.

    Asked only where the stream itself leaves it open: at an H.264 keyframe that is no IDR frame, as intra refresh,
    open GOPs and careless muxers make them.

    Returns:
        True where the stream itself guarantees it, too.
    """
    if keyframe.certain:
        return True
    before = max(other.time for other in index.keyframes if other.time < keyframe.time)
    entered = _shown_frames(path, keyframe.time, keyframe.time)
    return bool(entered) and entered == _shown_frames(path, before, keyframe.time)


def _shown_frames(path: Path, entry: int, begin: int) -> list[tuple[int, str]]:
    """Times (ticks) and hashed luma of the first frames shown from ``begin`` on, decoded from packet ``entry`` on."""
    shown = (frame for frame in _decoded(path, entry) if frame.pts is not None and frame.pts >= begin)
    return [(frame.pts or 0, hashlib.sha256(bytes(frame.planes[0])).hexdigest()) for frame in islice(shown, _COMPARED)]


def _decoded(path: Path, entry: int) -> Iterator[VideoFrame]:
    """The frames from packet ``entry`` on (ticks), found by seeking further and further back."""
    with Footage(path) as footage:
        at = entry * Fraction(footage.stream.time_base or 1) - footage.offset
        for start in seek_times(at):
            packets = _packets_from(footage, entry, at) if footage.seek(start) else None
            if packets is not None:
                for packet in packets:
                    yield from _frames(packet)
                return


def _packets_from(footage: Footage, entry: int, at: Fraction) -> Iterator[Packet[Any]] | None:
    """The packets from ``entry`` on, which is shown ``at`` seconds; None where it has been passed."""
    packets = footage.packets()
    for time, packet in packets:
        if packet.pts == entry:
            return chain((packet,), (later for _, later in packets))
        if time is not None and time > at + _PAST:
            return None
    return None


def _frames(packet: Packet[Any]) -> list[VideoFrame]:
    try:
        return list(packet.decode())
    except (FFmpegError, EOFError):
        return []
