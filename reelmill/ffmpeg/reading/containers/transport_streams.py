"""Which of an MPEG-TS file's tracks are Dolby Vision, which libav knows and PyAV's streams do not have.

The tables of programs are read (ISO/IEC 13818-1, 2.4.4) from the head of the file, where they come several times a
second. Dolby Vision Streams within the MPEG-2 Transport Stream Format, 3.3.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final

#: Bytes of the head that are looked at, and of a packet: plain, with a time before it, with parity after it.
_HEAD: Final = 1 << 20
_PACKETS: Final = (188, 192, 204)
_PLAIN: Final = 188
_SYNC: Final = 0x47
#: So many packets in a row show where they begin.
_IN_STEP: Final = 5
_PROGRAMS: Final = 0  # the PID of the table of programs
_OF_PROGRAMS: Final = 0x00  # what tables are of, by their first byte
_OF_TRACKS: Final = 0x02
_CHECKSUM: Final = 4
_DOLBY_VISION: Final = 0xB0


def dolby_vision_profiles(path: Path) -> dict[int, int]:
    """The profile of each track that has Dolby Vision, by the PID of the track.

    Args:
        path: an MPEG-TS file.

    Returns:
        Them; none where the head of the file is damaged.

    Raises:
        OSError: it cannot be read.
    """
    with path.open("rb") as file:
        head = file.read(_HEAD)
    profiles, wanted = dict[int, int](), {_PROGRAMS}
    for pid, table in _tables(head, wanted):
        if pid == _PROGRAMS and table[0] == _OF_PROGRAMS:
            entries = table[8:-_CHECKSUM]
            wanted |= {_pid(entries, place + 2) for place in range(0, len(entries) - 3, 4)}
        elif table[0] == _OF_TRACKS:
            profiles |= _profiles(table)
            wanted.discard(pid)
            if wanted == {_PROGRAMS}:
                break
    return profiles


def _tables(head: bytes, wanted: set[int]) -> Iterator[tuple[int, bytes]]:
    """The first table of each section of the PIDs that are wanted, which may grow meanwhile."""
    begun = dict[int, bytes]()
    for packet in _packets(head):
        pid = _pid(packet, 1)
        if pid not in wanted or not packet[3] & 0x10:  # no payload
            continue
        payload = packet[5 + packet[4] :] if packet[3] & 0x20 else packet[4:]
        if packet[1] & 0x40 and payload:  # a table begins, so many bytes on
            begun[pid] = payload[1 + payload[0] :]
        elif pid in begun:
            begun[pid] += payload
        table = begun.get(pid, b"")
        if len(table) >= 3 and len(table) >= (end := 3 + (int.from_bytes(table[1:3], "big") & 0xFFF)):
            del begun[pid]
            yield pid, table[:end]


def _packets(head: bytes) -> Iterator[bytes]:
    for size in _PACKETS:
        for begin in range(size):
            if all(head[place : place + 1] == bytes([_SYNC]) for place in range(begin, begin + _IN_STEP * size, size)):
                for place in range(begin, len(head) - _PLAIN + 1, size):
                    yield head[place : place + _PLAIN]
                return


def _profiles(table: bytes) -> dict[int, int]:
    """Of the tracks of one program."""
    found, place = {}, 12 + (int.from_bytes(table[10:12], "big") & 0xFFF)
    while place + 5 <= len(table) - _CHECKSUM:
        end = place + 5 + (int.from_bytes(table[place + 3 : place + 5], "big") & 0xFFF)
        for tag, described in _descriptors(table[place + 5 : min(end, len(table) - _CHECKSUM)]):
            if tag == _DOLBY_VISION and len(described) >= 3:
                found[_pid(table, place + 1)] = described[2] >> 1
        place = end
    return found


def _descriptors(data: bytes) -> Iterator[tuple[int, bytes]]:
    place = 0
    while place + 2 <= len(data):
        end = place + 2 + data[place + 1]
        yield data[place], data[place + 2 : end]
        place = end


def _pid(data: bytes, place: int) -> int:
    return int.from_bytes(data[place : place + 2], "big") & 0x1FFF
