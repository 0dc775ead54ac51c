"""A mark in an mp4 by which its maker knows it again: a ``uuid`` box at the end, which players skip.

Such a box may hold anything (ISO/IEC 14496-12, 4.2); it changes no stream and no position in the file.
"""

from __future__ import annotations

import json
import os
import struct
import uuid
from pathlib import Path
from typing import Any, Final

_USER_TYPE: Final = uuid.UUID("5d1b8c0e-7d0c-5c5e-9a50-7265656c6d6c").bytes
_HEAD: Final = struct.Struct(">I4s16s")  # size, type, user type
_TAIL: Final = struct.Struct(">I")  # the box's size once more, so that it is found from the end
_LEAST, _MOST = _HEAD.size + _TAIL.size, 4096  # bytes of a box


def read(path: Path) -> dict[str, Any] | None:
    """What the mark of a file holds; None where it has none, an ``OSError`` where it cannot be read."""
    found = _box(path)
    if found is None:
        return None
    try:
        held = json.loads(found[1])
    except ValueError:
        return None
    return held if isinstance(held, dict) else None


def write(path: Path, held: dict[str, Any]) -> None:
    """Mark a file, in place of a mark that it may have.

    Args:
        path: of an mp4 that nobody else uses yet.
        held: what the mark is to hold; a few short values.

    Raises:
        OSError: it cannot be written.
    """
    content = json.dumps(held, separators=(",", ":"), sort_keys=True).encode()
    size = _LEAST + len(content)
    box = _HEAD.pack(size, b"uuid", _USER_TYPE) + content + _TAIL.pack(size)
    before = _box(path)
    end = path.stat().st_size if before is None else before[0]
    if before is not None and before[1] == content:
        return
    with path.open("r+b") as file:
        file.truncate(end)
        file.seek(end)
        file.write(box)


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
