"""Where an mp4 keeps its index."""

from __future__ import annotations

from pathlib import Path


def faststart(path: Path) -> bool:
    """Whether an mp4's index stands before its frames, so that a browser can start before the end has come."""
    with path.open("rb") as file:
        while len(header := file.read(8)) == 8:
            size, kind = int.from_bytes(header[:4], "big"), header[4:]
            if kind in (b"moov", b"mdat"):
                return kind == b"moov"
            if size == 1:
                size = int.from_bytes(file.read(8), "big") - 8
            if size < 8:
                return False
            file.seek(size - 8, 1)
    return False
