"""Every step of a job, counted, and something that happens as one of them begins."""

from __future__ import annotations

import os
import threading
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final

import av
from sqlalchemy.engine.default import DefaultDialect

from reelmill.ffmpeg.process import run
from reelmill.storage import atomic_files
from tests.clips import Notes

#: What counts as a step: each call that changes the disk or the catalogue, opens a video, runs a program, or tells how
#: far the work is. A boundary is the moment a step begins; where the last has ended, so has the job.
_STEPS: Final[tuple[tuple[Any, tuple[str, ...]], ...]] = (
    (os, ("fsync", "link", "rename", "unlink", "rmdir", "mkdir", "chown", "utime")),
    (atomic_files, ("_rename_noreplace", "write")),
    (DefaultDialect, ("do_commit",)),
    (av, ("open",)),
    (run, ("run_program",)),
    (Notes, ("progress",)),
)
_CALLED: Final = {"do_commit": "commit", "open": "read", "run_program": "ffmpeg", "_rename_noreplace": "rename"}

#: Steps that a full disk can fail.
WRITING: Final = ("fsync", "link", "rename", "mkdir", "write")
#: An encode tells its progress as often as it likes; more of it are no more boundaries.
_MOST: Final = {"progress": 3}


@dataclass(frozen=True)
class Boundary:
    """The beginning of the ``count``-th step of a kind."""

    kind: str
    count: int  # from 1

    def __str__(self) -> str:
        return f"{self.kind} {self.count}"


@dataclass
class Steps:
    """Counts steps from the moment it is made, and acts once at one of them."""

    at: Boundary | None = None
    act: Callable[[str], None] = lambda _: None
    passed: list[Boundary] = field(default_factory=list)
    _counts: Counter[str] = field(default_factory=Counter)
    _lock: Any = field(default_factory=threading.Lock)  # a scan reads in threads

    def watch(self) -> None:
        """Begin; this process must end before another may."""
        for owner, names in _STEPS:
            for name in names:
                setattr(owner, name, self._around(_CALLED.get(name, name), getattr(owner, name)))

    def _around(self, kind: str, real: Callable[..., Any]) -> Callable[..., Any]:
        def around(*arguments: Any, **options: Any) -> Any:
            if self._passes(kind):
                self.act(kind)
            return real(*arguments, **options)

        return around

    def _passes(self, kind: str) -> bool:
        with self._lock:
            self._counts[kind] += 1
            boundary = Boundary(kind, self._counts[kind])
            if boundary.count <= _MOST.get(kind, boundary.count):
                self.passed.append(boundary)
            return boundary == self.at
