"""The book of a machine's GPU memory: which jobs of its workers wait and which hold shares; one file under one lock.

The budget itself is kept by the server, which nobody can overdraw. The book is what several workers of one machine need
besides: the order of those that wait, and whose process holds which share.
"""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path

import anyio.to_thread

from reelmill.scheduling.placement import Waiting


@dataclass(frozen=True)
class Lease:
    """One admitted job's share."""

    worker: str
    limit_name: str
    mb: int
    process: str | None = None  # the identifier of its process group, once it runs


@dataclass(frozen=True)
class Queued:
    """One job that waits."""

    worker: str
    need_mb: int
    priority: int
    arrived: float  # of the machine's monotonic clock

    def as_waiting(self, run_id: str) -> Waiting:
        """As the policy takes it."""
        return Waiting(id=run_id, need_mb=self.need_mb, priority=self.priority, arrived=self.arrived)


@dataclass
class Page:
    """What the book says; changed in place while it is open."""

    waiting: dict[str, Queued] = field(default_factory=dict)  # by flow run id
    leases: dict[str, Lease] = field(default_factory=dict)  # by lease id

    def without_dead(self, alive: Callable[[str], bool]) -> dict[str, Lease]:
        """Strike out what dead workers left; answers with the shares they still hold at the server."""
        living = {worker: alive(worker) for worker in {entry.worker for entry in self._entries()}}
        self.waiting = {run_id: entry for run_id, entry in self.waiting.items() if living[entry.worker]}
        left = {lease_id: entry for lease_id, entry in self.leases.items() if not living[entry.worker]}
        self.leases = {lease_id: entry for lease_id, entry in self.leases.items() if lease_id not in left}
        return left

    def _entries(self) -> list[Queued | Lease]:
        return [*self.waiting.values(), *self.leases.values()]


class Book:
    """The file; ``open`` it for one decision at a time."""

    def __init__(self, folder: Path, node: str):
        folder.mkdir(parents=True, exist_ok=True)
        self._path = folder / f"vram-{node}.json"
        self._lock = folder / f"vram-{node}.book"  # no worker's name makes that: see ``presence``

    @asynccontextmanager
    async def open(self) -> AsyncIterator[Page]:
        """The page, ours alone until the block ends; what changed on it is kept, also when the block fails."""
        handle = os.open(self._lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        try:
            await anyio.to_thread.run_sync(fcntl.flock, handle, fcntl.LOCK_EX)
            page = self._read()
            before = asdict(page)
            try:
                yield page
            finally:
                if asdict(page) != before:
                    self._write(page)
        finally:
            os.close(handle)

    def _read(self) -> Page:
        try:
            kept = json.loads(self._path.read_text())
            return Page(
                waiting={run_id: Queued(**entry) for run_id, entry in kept["waiting"].items()},
                leases={lease_id: Lease(**entry) for lease_id, entry in kept["leases"].items()},
            )
        except (FileNotFoundError, ValueError, LookupError, TypeError, AttributeError):
            return Page()  # none yet, torn by a power cut, or of another version

    def _write(self, page: Page) -> None:
        new = self._path.with_suffix(".new")
        new.write_text(json.dumps(asdict(page)))
        new.replace(self._path)
