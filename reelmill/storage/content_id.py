"""The content id: what a file holds, whatever it is called and whenever it was written.

It is a BLAKE2b of the file's length and of at most a megabyte of its bytes, in at most some twenty reads:

    head      the first 256 KiB
    middle    four times 64 KiB, evenly spread
    tail      the last 256 KiB; Matroska and AVI have their index there
    index     of an MP4 or QuickTime file its ``moov``, wherever that is: its first and last 128 KiB

A file of no more than a megabyte is read whole. Two encodes of the same frames differ in the index alone, which lists
the bytes of each frame. What it cannot see is a change of bytes in place, between the samples, that leaves the length
and the index as they were: a flipped bit, or frames that were patched by hand. The BLAKE2b of the whole file, see
``file_hash``, is for those.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import BinaryIO, Final

_KIB: Final = 1024
_END: Final = 256 * _KIB  # bytes of the head, and of the tail
_MIDDLES: Final = 4
_MIDDLE: Final = 64 * _KIB
_INDEX_END: Final = 128 * _KIB
#: The most that is read of a file; one no longer than that is read whole.
MOST_READ: Final = 2 * _END + _MIDDLES * _MIDDLE + 2 * _INDEX_END

#: What a file of ISO/IEC 14496-12 or QuickTime begins with, and how many of its outermost boxes are looked at: an index
#: that is not among the first ones is that of fragments, which are all over the file.
_FIRST_BOXES: Final = (b"ftyp", b"moov", b"mdat", b"wide", b"free", b"skip", b"pnot", b"styp")
_BOXES: Final = 12
_HEADER: Final = 16

#: Hashes of other kinds never equal these (BLAKE2's personalisation, 16 bytes).
_PERSON: Final = b"reelmill content"


def content_id(path: Path) -> str:
    """The content id of a file; a file that has not changed since is not read again by this process.

    Returns:
        32 hexadecimal digits.

    Raises:
        OSError: it is not there, or cannot be read.
    """
    stat = path.stat()
    return _content_id(os.fspath(path), (stat.st_dev, stat.st_ino, stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns))


@lru_cache(maxsize=4096)
def _content_id(path: str, _as_of: tuple[int, ...]) -> str:
    with Path(path).open("rb", buffering=0) as file:
        size = os.fstat(file.fileno()).st_size
        digest = hashlib.blake2b(size.to_bytes(8, "big"), digest_size=16, person=_PERSON)
        for begin, end in [(0, size)] if size <= MOST_READ else samples(size, _moov(file, size)):
            digest.update(_bytes(file, begin, end))
    return digest.hexdigest()


def samples(size: int, index: tuple[int, int] | None) -> list[tuple[int, int]]:
    """What is read of a long file (pure).

    Args:
        size: of the file, in bytes.
        index: where its index begins and ends; None where that has no place of its own.

    Returns:
        The begin and end of each sample, in bytes.
    """
    middles = [size * number // (_MIDDLES + 1) for number in range(1, _MIDDLES + 1)]
    found = [(0, _END), *((begin, begin + _MIDDLE) for begin in middles), (size - _END, size)]
    if index is not None:
        begin, end = index
        found += [(begin, min(end, begin + _INDEX_END)), (max(begin, end - _INDEX_END), end)]
    return found


def _moov(file: BinaryIO, size: int) -> tuple[int, int] | None:
    """Where the ``moov`` box begins and ends, in bytes."""
    for number, (name, begin, end) in enumerate(_boxes(file, size)):
        if number == 0 and name not in _FIRST_BOXES:
            return None
        if name == b"moov":
            return begin, end
    return None


def _boxes(file: BinaryIO, size: int) -> Iterator[tuple[bytes, int, int]]:
    """The name, begin and end of the outermost boxes (ISO/IEC 14496-12, 4.2)."""
    at = 0
    for _ in range(_BOXES):
        header = _bytes(file, at, min(size, at + _HEADER))
        if len(header) < _HEADER:
            return
        length, name = int.from_bytes(header[:4], "big"), header[4:8]
        if length == 1:
            length = int.from_bytes(header[8:16], "big")
        end = size if length == 0 else at + length
        if end <= at + 8 or end > size:  # no box, or one that is cut off
            return
        yield name, at, end
        at = end


def _bytes(file: BinaryIO, begin: int, end: int) -> bytes:
    """These bytes of the file, whole unless the file was cut short meanwhile."""
    file.seek(begin)
    data = bytearray()
    while begin + len(data) < end and (more := file.read(end - begin - len(data))):
        data += more
    return bytes(data)
