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
_CLAIM: Final = ".claim"


@dataclass(frozen=True)
class Piece:
    """A complete piece, and what was written down of its making."""

    path: Path
    facts: dict[str, Any]
    size: int  # bytes


@dataclass(frozen=True)
class Claim:
    """Pieces that a job needs."""

    recipe: str  # of what the job makes; held while it runs
    run_id: uuid.UUID | None  # None: of a notebook or a script
    keys: frozenset[str]
    at: float  # seconds since the epoch


@dataclass(frozen=True)
class Kept:
    """A piece, for whoever decides what stays."""

    key: str
    complete: bool
    size: int  # bytes
    used: float  # seconds since the epoch


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
        for left in self.folder.glob(f"{key}-*{_UNFINISHED}"):  # of one that was killed: we are alone with this key
            left.unlink(missing_ok=True)
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

    def claim(self, recipe: str, run_id: uuid.UUID | None, keys: Iterable[str]) -> None:
        """Say that a job is going to need these pieces, so that they are kept until it ends or is given up."""
        make_folder(self.folder)
        claimed = {"run_id": None if run_id is None else str(run_id), "keys": list(keys)}
        write(self.folder / f"{recipe}{_CLAIM}", json.dumps(claimed))

    def release(self, recipe: str) -> None:
        """Take back a claim."""
        (self.folder / f"{recipe}{_CLAIM}").unlink(missing_ok=True)

    def claims(self) -> list[Claim]:
        """What jobs have claimed and not released, killed ones among them."""
        found = []
        for path in self._with(_CLAIM):
            try:
                said, at = json.loads(path.read_text()), path.stat().st_mtime
            except FileNotFoundError:  # released just now
                continue
            run_id = None if said["run_id"] is None else uuid.UUID(said["run_id"])
            found.append(Claim(path.stem, run_id, frozenset(said["keys"]), at))
        return found

    def kept(self) -> list[Kept]:
        """Every piece, complete or left unfinished by one that was killed; the one used longest ago first."""
        found = []
        for path in self._with(_RECORD, _UNFINISHED):
            complete = path.suffix == _RECORD
            piece = path.with_suffix("") if complete else path
            try:
                found.append(Kept(path.stem.partition("-")[0], complete, piece.stat().st_size, path.stat().st_mtime))
            except FileNotFoundError:  # dropped just now
                continue
        return sorted(found, key=lambda kept: kept.used)

    def _with(self, *endings: str) -> list[Path]:
        if not self.folder.is_dir():
            return []
        return [path for path in self.folder.iterdir() if path.suffix in endings]

    def drop(self, keys: Iterable[str]) -> None:
        """Remove pieces nobody needs any more, and what was left unfinished of them."""
        for key in keys:
            for path in reversed(self._paths(key)):  # the record first: a piece without one is none
                path.unlink(missing_ok=True)
            for left in self.folder.glob(f"{key}-*{_UNFINISHED}"):
                left.unlink(missing_ok=True)

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
