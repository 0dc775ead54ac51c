"""The chunk store: finished chunks of work, each named by a hash of all it depends on, for whoever needs it next.

A chunk is complete once its record stands beside it. The record holds the chunk's hash: a chunk that the disk has
damaged since is not found, and made again.
"""

from __future__ import annotations

import json
import os
import uuid
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from reelmill import guard
from reelmill.storage.atomic_files import fsync, make_folder, write
from reelmill.storage.file_hash import sha256
from reelmill.storage.media_root import MediaRoot

_RECORD: Final = ".json"
_UNFINISHED: Final = ".part"
_PROGRESS: Final = ".mark"
_CLAIM: Final = ".claim"


@dataclass(frozen=True)
class StoredChunk:
    """A complete chunk, with the facts that its maker recorded."""

    path: Path
    facts: dict[str, Any]
    size: int  # bytes
    reused: bool = True  # False: it was made just now


@dataclass(frozen=True)
class Claim:
    """The chunks that a job needs."""

    recipe: str  # of what the job makes; locked while the job runs
    run_id: uuid.UUID | None  # None: of a notebook or a script
    keys: frozenset[str]
    at: float  # seconds since the epoch
    legible: bool = True  # False: it is damaged, so that nobody knows what it is on


@dataclass(frozen=True)
class StoreEntry:
    """A chunk by what decides whether it stays."""

    key: str
    complete: bool
    size: int  # bytes
    used: float  # seconds since the epoch


class Store:
    """The chunks under one media root."""

    def __init__(self, root: MediaRoot):
        self.folder = root.chunks

    def find(self, key: str) -> StoredChunk | None:
        """The chunk of this key, if it is complete and as it was written; it then counts as just used."""
        path, record = self._paths(key)
        try:
            written = json.loads(record.read_text())
            if written["size"] != path.stat().st_size or written["sha256"] != sha256(path):
                return None
            os.utime(record)
            return StoredChunk(path, dict(written["facts"]), written["size"])
        except (FileNotFoundError, IsADirectoryError, ValueError, KeyError, TypeError, RecursionError):
            return None

    @contextmanager
    def unfinished(self, key: str) -> Iterator[Path]:
        """A path for a chunk in the making, for one who holds its lock; what is left there at the end is removed."""
        make_folder(self.folder)
        for left in self.folder.glob(f"{key}-*{_UNFINISHED}"):  # of a run that was killed: the lock is ours
            left.unlink(missing_ok=True)
        path = self.folder / f"{key}-{uuid.uuid4().hex[:8]}{_UNFINISHED}"
        try:
            yield path
        finally:
            path.unlink(missing_ok=True)

    def add(self, key: str, file: Path, facts: dict[str, Any]) -> StoredChunk:
        """Move a file into the store.

        Args:
            key: of the chunk.
            file: the whole chunk, on the store's file system.
            facts: what to record of it; plain JSON.

        Returns:
            The chunk, which is complete.

        Raises:
            LockLost, PlatformError: see ``guard.confirm``.
        """
        path, record = self._paths(key)
        size, digest = file.stat().st_size, sha256(file)
        fsync(file)
        guard.confirm()
        file.replace(path)
        write(record, json.dumps({"size": size, "sha256": digest, "facts": facts}))
        return StoredChunk(path, facts, size, reused=False)

    def claim(self, recipe: str, run_id: uuid.UUID | None, keys: Iterable[str]) -> None:
        """Record that a job is going to need these chunks: they stay until it ends or is given up."""
        make_folder(self.folder)
        claimed = {"run_id": None if run_id is None else str(run_id), "keys": list(keys)}
        write(self.folder / f"{recipe}{_CLAIM}", json.dumps(claimed))

    def release(self, recipe: str) -> None:
        """Remove a claim."""
        (self.folder / f"{recipe}{_CLAIM}").unlink(missing_ok=True)

    def claims(self) -> list[Claim]:
        """The claims that were not released, those of killed jobs among them.

        Returns:
            The claims. One that is damaged is nobody's, on nothing: it keeps nobody from the others.
        """
        found = []
        for path in self._with(_CLAIM):
            try:
                written, at = path.read_bytes(), path.stat().st_mtime
            except FileNotFoundError:  # released just now
                continue
            except PermissionError:
                written, at = b"", path.stat().st_mtime
            claimed = _claimed(written)
            run_id, keys = claimed or (None, frozenset())
            found.append(Claim(path.stem, run_id, keys, at, legible=claimed is not None))
        return found

    def entries(self) -> list[StoreEntry]:
        """Every chunk and what a run that was killed left of one; the one used longest ago first.

        Returns:
            An entry each. Not complete is a file in the making, a chunk whose record never came to be, and a record
            whose chunk is gone.
        """
        found = []
        names = {path.name for path in self._with(_RECORD, _UNFINISHED, "")}
        for name in names:
            if f"{name}{_RECORD}" in names:  # its record stands for it
                continue
            path, key = self.folder / name, _key(name)
            complete = name.endswith(_RECORD) and key in names
            try:
                size = (self.folder / key if complete else path).stat().st_size
                found.append(StoreEntry(key, complete, size, path.stat().st_mtime))
            except FileNotFoundError:  # dropped just now
                continue
        return sorted(found, key=lambda entry: entry.used)

    def _with(self, *endings: str) -> list[Path]:
        if not self.folder.is_dir():
            return []
        return [path for path in self.folder.iterdir() if path.suffix in endings and not path.is_dir()]

    def drop(self, keys: Iterable[str]) -> None:
        """Remove chunks that nobody needs any more, and what was left unfinished of them."""
        for key in keys:
            for path in reversed(self._paths(key)):  # the record first: a chunk without one is none
                path.unlink(missing_ok=True)
            for left in self.folder.glob(f"{key}-*{_UNFINISHED}"):
                left.unlink(missing_ok=True)

    def path(self, key: str) -> Path:
        """Where the chunk of this key is, once it is complete."""
        return self.folder / key

    def progress_note(self, key: str) -> Path:
        """The file in which the maker of a chunk notes how far it is, from 0 to 1."""
        return self.folder / f"{key}{_PROGRESS}"

    def progress(self, key: str) -> float:
        """How far a chunk is: 1 where it is complete, 0 where nobody has noted anything."""
        if self._paths(key)[1].exists():
            return 1.0
        try:
            return float(self.progress_note(key).read_text())
        except (FileNotFoundError, ValueError):  # not begun, or just being written
            return 0.0

    def remove_progress_notes(self, keys: Iterable[str]) -> None:
        """Remove the notes of progress."""
        for key in keys:
            self.progress_note(key).unlink(missing_ok=True)

    def _paths(self, key: str) -> tuple[Path, Path]:
        return self.folder / key, self.folder / f"{key}{_RECORD}"


def _key(name: str) -> str:
    """The key of the chunk that a file of the store belongs to."""
    if name.endswith(_UNFINISHED):
        return name.partition("-")[0]
    return name.removesuffix(_RECORD)


def _claimed(written: bytes) -> tuple[uuid.UUID | None, frozenset[str]] | None:
    """Whose claim it is and on what; None where it is damaged."""
    try:
        claimed = json.loads(written)
        run_id = None if claimed["run_id"] is None else uuid.UUID(claimed["run_id"])
        return run_id, frozenset(map(str, claimed["keys"]))
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None
