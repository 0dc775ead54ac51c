"""The ledger of a node's GPU memory: which jobs of its workers wait and which have leases; one file under one lock.

The server counts the budget itself, which nobody can overdraw. The ledger is what several workers of one node need
besides: the order of those that wait, and whose process has which lease.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any, TypeVar

from reelmill.queue.placement import WaitingJob
from reelmill.storage.file_lock import FileLock


@dataclass(frozen=True)
class Lease:
    """One admitted job's share."""

    worker: str
    limit_name: str
    mb: int
    process: str | None = None  # the identifier of its process group, once it runs


@dataclass(frozen=True)
class WaitingEntry:
    """One job that waits."""

    worker: str
    need_mb: int
    priority: int
    arrived: float  # of the node's monotonic clock

    def as_waiting(self, run_id: str) -> WaitingJob:
        """As ``placement`` takes it."""
        return WaitingJob(id=run_id, need_mb=self.need_mb, priority=self.priority, arrived=self.arrived)


@dataclass
class LedgerEntries:
    """What the ledger holds; changed in place while it is open."""

    waiting: dict[str, WaitingEntry] = field(default_factory=dict)  # by flow run id
    leases: dict[str, Lease] = field(default_factory=dict)  # by lease id

    def remove_dead(self, alive: Callable[[str], bool]) -> dict[str, Lease]:
        """Remove the entries of dead workers.

        Args:
            alive: whether the worker of a name lives.

        Returns:
            Their leases, by lease id, which still count on the server.
        """
        living = {worker: alive(worker) for worker in {entry.worker for entry in self._entries()}}
        self.waiting = {run_id: entry for run_id, entry in self.waiting.items() if living[entry.worker]}
        left = {lease_id: entry for lease_id, entry in self.leases.items() if not living[entry.worker]}
        self.leases = {lease_id: entry for lease_id, entry in self.leases.items() if lease_id not in left}
        return left

    def _entries(self) -> list[WaitingEntry | Lease]:
        return [*self.waiting.values(), *self.leases.values()]


E = TypeVar("E", WaitingEntry, Lease)


class VramLedger:
    """The file of one node; ``open`` it for one decision at a time."""

    def __init__(self, folder: Path, node: str):
        folder.mkdir(parents=True, exist_ok=True)
        self._path = folder / f"vram-{node}.json"
        self._lock = folder / f"vram-{node}.book"  # named as always, for workers of earlier versions

    @asynccontextmanager
    async def open(self) -> AsyncIterator[LedgerEntries]:
        """The entries, ours alone until the block ends; changes are written, also when the block fails."""
        with await FileLock.acquire_in_thread(self._lock):
            entries = self._read()
            before = asdict(entries)
            try:
                yield entries
            finally:
                if asdict(entries) != before:
                    self._write(entries)

    def _read(self) -> LedgerEntries:
        try:
            stored = json.loads(self._path.read_text())
            return LedgerEntries(
                waiting=_readable(stored["waiting"], WaitingEntry), leases=_readable(stored["leases"], Lease)
            )
        except (FileNotFoundError, RecursionError, ValueError, LookupError, TypeError, AttributeError):
            return LedgerEntries()  # none yet, or torn by a power cut

    def _write(self, entries: LedgerEntries) -> None:
        new = self._path.with_suffix(".new")
        new.write_text(json.dumps(asdict(entries)))
        new.replace(self._path)


def _readable(stored: dict[str, Any], entry: type[E]) -> dict[str, E]:
    """The entries that this version can read, written by whichever; what it does not know of them is left out."""
    known = {each.name for each in fields(entry)}
    found = {}
    for key, given in stored.items():
        with suppress(TypeError, AttributeError):
            found[key] = entry(**{name: value for name, value in given.items() if name in known})
    return found
