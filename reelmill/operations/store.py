"""The chunk store: finished pieces of work, each named by a hash of all it depends on, for whoever needs it next.

A piece is complete once its record stands beside it. The record holds its hash, so that one the disk has damaged since
is made anew rather than used.
"""

from __future__ import annotations

import hashlib
import json
import os
import uuid
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from reelmill.layout import MediaRoot
from reelmill.operations.durable import fsync, make_folder, write

_RECORD: Final = ".json"
_UNFINISHED: Final = ".part"
_MARK: Final = ".mark"


@dataclass(frozen=True)
class Piece:
    """A complete piece, and what was written down of its making."""

    path: Path
    facts: dict[str, Any]
    size: int  # bytes


class Store:
    """The pieces under one media root."""

    def __init__(self, root: MediaRoot):
        self.folder = root.chunks

    def find(self, key: str) -> Piece | None:
        """The piece of this name, if it is complete and as it was written; it then counts as just used."""
        path, record = self._paths(key)
        try:
            written = json.loads(record.read_text())
            if written["size"] != path.stat().st_size or written["sha256"] != _hash(path):
                return None
            os.utime(record)
        except (FileNotFoundError, ValueError, KeyError):
            return None
        return Piece(path, written["facts"], written["size"])

    @contextmanager
    def unfinished(self, key: str) -> Iterator[Path]:
        """A path for a piece being made, that nobody else writes; what is left there at the end is removed."""
        make_folder(self.folder)
        path = self.folder / f"{key}-{uuid.uuid4().hex[:8]}{_UNFINISHED}"
        try:
            yield path
        finally:
            path.unlink(missing_ok=True)

    def keep(self, key: str, made: Path, facts: dict[str, Any]) -> Piece:
        """Take ``made``, a path of ``unfinished``, into the store.

        Args:
            key: its name.
            made: a whole file.
            facts: what to write down of it; plain JSON.
        """
        path, record = self._paths(key)
        size, digest = made.stat().st_size, _hash(made)
        fsync(made)
        made.replace(path)
        write(record, json.dumps({"size": size, "sha256": digest, "facts": facts}))
        return Piece(path, facts, size)

    def drop(self, keys: Iterable[str]) -> None:
        """Remove pieces nobody needs any more."""
        for key in keys:
            for path in reversed(self._paths(key)):  # the record first: a piece without one is none
                path.unlink(missing_ok=True)

    def path(self, key: str) -> Path:
        """Where the piece of this name is, once it is complete."""
        return self.folder / key

    def mark(self, key: str) -> Path:
        """Where whoever makes a piece notes how far it is, from 0 to 1."""
        return self.folder / f"{key}{_MARK}"

    def progress(self, key: str) -> float:
        """How far a piece is: 1 where it is complete, 0 where nobody has said."""
        if self._paths(key)[1].exists():
            return 1.0
        try:
            return float(self.mark(key).read_text())
        except (FileNotFoundError, ValueError):  # not begun, or just being written
            return 0.0

    def forget_marks(self, keys: Iterable[str]) -> None:
        """Remove the notes of progress."""
        for key in keys:
            self.mark(key).unlink(missing_ok=True)

    def _paths(self, key: str) -> tuple[Path, Path]:
        return self.folder / key, self.folder / f"{key}{_RECORD}"


def _hash(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
