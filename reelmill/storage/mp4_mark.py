"""Where an mp4 keeps its mark, see ``file_mark``: a ``uuid`` box at the end, which players skip.

Such a box may hold anything (ISO/IEC 14496-12, 4.2); it changes no stream and no position in the file.
"""

from __future__ import annotations

import os
import struct
import uuid
from pathlib import Path
from typing import Final

_USER_TYPE: Final = uuid.UUID("5d1b8c0e-7d0c-5c5e-9a50-7265656c6d6c").bytes
_HEAD: Final = struct.Struct(">I4s16s")  # size, type, user type
_TAIL: Final = struct.Struct(">I")  # the box's size once more, so that it is found from the end
_LEAST, _MOST = _HEAD.size + _TAIL.size, 4096  # bytes of a box


class Mp4:
    """Reads and writes the end of a file alone, however large it is; see ``file_mark.Format``."""

    def text_of(self, path: Path) -> bytes | None:
        """The mark's text; None where there is none."""
        found = _box(path)
        return None if found is None else found[1]

    def mark(self, path: Path, text: bytes) -> None:
        """Put the box in place of one that is there."""
        size = _LEAST + len(text)
        before = _box(path)
        end = path.stat().st_size if before is None else before[0]
        if before is not None and before[1] == text:
            return
        with path.open("r+b") as file:
            file.truncate(end)
            file.seek(end)
            file.write(_HEAD.pack(size, b"uuid", _USER_TYPE) + text + _TAIL.pack(size))


def _box(path: Path) -> tuple[int, bytes] | None:
    """Where the mark of a file begins, and what it holds."""
    with path.open("rb") as file:
        length = file.seek(0, os.SEEK_END)
        if length < _LEAST:
            return None
        file.seek(length - _TAIL.size)
        (size,) = _TAIL.unpack(file.read(_TAIL.size))
        if not _LEAST <= size <= min(_MOST, length):
            return None
        file.seek(length - size)
        box = file.read(size)
    if _HEAD.unpack_from(box) != (size, b"uuid", _USER_TYPE):
        return None
    return length - size, box[_HEAD.size : -_TAIL.size]
