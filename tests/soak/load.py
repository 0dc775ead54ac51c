"""The job type of the soak: what happened to each job can be read from its folder, whatever was killed meanwhile."""

from __future__ import annotations

import fcntl
import os
import time
from pathlib import Path

from prefect import flow

from flows.job import JOB, job
from reelmill.errors import InputError, WorkError


@flow(name="load", **JOB)
def load(key: str, folder: str, does: str = "good", seconds: float = 0.5) -> None:
    """Make one file, once.

    Args:
        key: Names the file and the notes about it.
        folder: Where they are.
        does: What: good, flaky (fails the first time), bad (a broken input).
        seconds: How long it takes.
    """
    with job("load", key=key):
        notes = Notes(Path(folder), key)
        notes.add("start")
        if not notes.alone():
            notes.add("overlap")
        if does == "bad":
            raise InputError(f"{key} is broken.")
        if does == "flaky" and notes.count("start") == 1:
            raise WorkError("Not the first time.")
        if not notes.output.exists():  # else an earlier run was killed after its work and before it could say so
            time.sleep(seconds)
            notes.make()


class Notes:
    """A job's notes about itself: one short line an event, which no kill can tear."""

    def __init__(self, folder: Path, key: str):
        self._path = folder / f"{key}.notes"
        self._lock = folder / f"{key}.lock"
        self.output = folder / f"{key}.out"

    def add(self, word: str) -> None:
        with self._path.open("ab", buffering=0) as notes:
            notes.write(f"{word} {os.getpid()}\n".encode())

    def count(self, word: str) -> int:
        text = self._path.read_text() if self._path.exists() else ""
        return sum(line.startswith(f"{word} ") for line in text.splitlines())

    def alone(self) -> bool:
        """Whether no other living process works on this job; asked once, and held until our end."""
        handle = os.open(self._lock, os.O_RDWR | os.O_CREAT)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    def make(self) -> None:
        """The output appears whole or not at all, and never over another."""
        half = self.output.with_suffix(f".{os.getpid()}")
        half.write_bytes(b"x" * 1000)
        os.link(half, self.output)
        half.unlink()
        self.add("made")
