"""The fault matrix: run as a program, it prints one line of JSON a cell.

A cell is a job, a boundary of it and a fault. Each takes place in a life of its own, a fork; then start-up
reconciliation runs, the checker looks, the job runs again, and the checker looks again. After that all must be as if
nothing had happened.
"""

from __future__ import annotations

import json
import os
import random
import signal
import sys
import time
import traceback
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from reelmill import guard
from reelmill.classification import classify
from reelmill.doctor.findings import Severity
from reelmill.doctor.library import check_library, manifest
from reelmill.errors import ReelmillError
from reelmill.ffmpeg.transcoder import Transcoder
from tests.faults.disks import Disks
from tests.faults.harm import FAULTS, NEEDS_DISK, Database, Setting, Stopped, stop
from tests.faults.jobs import JOBS, bench, prepare, state
from tests.faults.steps import Boundary, Steps
from tests.operations.crashes import get_ready_for_lives, recover

#: Seconds a life may take; one that takes longer hangs.
_LONGEST: Final = 60


@dataclass(frozen=True)
class Cell:
    """What came of one."""

    job: str
    boundary: str
    fault: str
    ended: str  # killed, stopped, done, or the error's name
    settled: list[str]  # lines of the reconciliation
    wrong: list[str]  # what should not be so; empty where all is well
    seconds: float


def life(act: Callable[[], Any]) -> tuple[str, Any]:
    """Fork, act; answers how it ended, and what it answered: killed, crashed with a traceback, or ended."""
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(read)
        signal.alarm(_LONGEST)
        try:
            said = {"ended": "ended", "answer": act()}
        except BaseException:  # noqa: BLE001 - whatever it is, the parent must hear of it
            said = {"ended": "crashed", "answer": traceback.format_exc()}
        os.write(write, json.dumps(said).encode())
        os._exit(0)
    os.close(write)
    with os.fdopen(read) as pipe:
        said_text = pipe.read()
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    if said_text:
        told = json.loads(said_text)
        return told["ended"], told["answer"]
    return {-signal.SIGKILL: "killed", -signal.SIGALRM: "hung"}.get(status, f"ended with {status}"), None


class Matrix:
    """All cells of one library."""

    def __init__(self, folder: Path, samples: Path):
        self._samples = samples
        self._setting = Setting(Disks.mount(folder), Database())
        self._root = self._setting.disks.root
        self._boundaries: dict[str, list[Boundary]] = {}
        self._good: dict[str, Any] = {}
        get_ready_for_lives(self._warm_up)

    def _warm_up(self) -> None:
        Transcoder().default_encoding()  # tries the encoder once, for all lives
        for name in ("scan", "publish", "move"):
            originals = self._prepare(name)
            JOBS[name].act(bench(self._root))
            self._recovered(name, originals)

    def cells(self, name: str) -> list[tuple[str, Boundary, str]]:
        """Every cell of a job, from a life without a fault."""
        ended, answer = life(lambda: self._undisturbed(name))
        assert ended == "ended", answer
        self._boundaries[name] = [Boundary(*passed) for passed in answer["passed"]]
        self._good[name] = answer["state"]
        assert answer["wrong"] == [], answer
        return [
            (name, boundary, fault)
            for boundary in self._boundaries[name]
            for fault in FAULTS
            if self._possible(name, fault)
        ]

    def _possible(self, name: str, fault: str) -> bool:
        if fault in NEEDS_DISK:
            return self._setting.disks.real and JOBS[name].reads
        return True

    def _undisturbed(self, name: str) -> dict[str, Any]:
        prepare(self._root, JOBS[name], self._samples)
        originals = manifest(self._root)
        steps = Steps()
        steps.watch()
        JOBS[name].act(bench(self._root))
        passed = [[step.kind, step.count] for step in steps.passed]
        return {"passed": passed, "state": state(self._root), "wrong": self._wrong(originals)}

    def run(self, name: str, boundary: Boundary, fault: str) -> Cell:
        """One cell."""
        started = time.monotonic()
        ended, originals = life(lambda: self._prepare(name))
        assert ended == "ended", originals
        how, answer = life(lambda: self._befallen(name, boundary, fault))
        self._setting.mend()
        wrong = [] if how in ("killed", "ended") else [f"{how}: {answer}"]
        settled: list[str] = []
        for act in (self._recovered, self._again):
            ended, told = life(lambda act=act: act(name, originals))  # type: ignore[misc]
            if ended != "ended":
                wrong.append(f"{act.__name__} {ended}: {told}")
                continue
            settled += told["said"]
            wrong += told["wrong"]
        if how == "ended" and not answer["retryable"]:
            wrong.append(f"{answer['ended']} is taken for what waiting cannot help: {answer['message']}")
        seconds = round(time.monotonic() - started, 2)
        return Cell(name, str(boundary), fault, answer["ended"] if how == "ended" else how, settled, wrong, seconds)

    def _prepare(self, name: str) -> dict[str, str]:
        prepare(self._root, JOBS[name], self._samples)
        return manifest(self._root)

    def _befallen(self, name: str, boundary: Boundary, fault: str) -> dict[str, Any]:
        signal.signal(signal.SIGTERM, stop)
        self._setting.database.begin_life()
        guard.PATIENCE_SECONDS = 0.1  # a database that is gone does not come back in this life
        Steps(at=boundary, act=lambda kind: FAULTS[fault](self._setting, kind)).watch()
        try:
            JOBS[name].act(bench(self._root))
        except Stopped:
            return {"ended": "stopped", "retryable": True, "message": ""}
        except (ReelmillError, OSError) as error:
            return {"ended": type(error).__name__, "retryable": classify(error)[1], "message": str(error)}
        return {"ended": "done", "retryable": True, "message": ""}

    def _recovered(self, name: str, originals: dict[str, str]) -> dict[str, Any]:
        """What the start of a site does; each leftover is told of."""
        left = state(self._root)["work"]
        said = recover(self._root)
        wrong = [f"nothing was said of {folder}" for folder in left if not any(folder in line for line in said)]
        return {"said": said, "wrong": wrong + self._wrong(originals)}

    def _again(self, name: str, originals: dict[str, str]) -> dict[str, Any]:
        JOBS[name].act(bench(self._root))
        wrong = self._wrong(originals)
        after = state(self._root)
        if after != self._good[name]:
            wrong.append(f"{after} rather than {self._good[name]}")
        return {"said": [], "wrong": wrong}

    def _wrong(self, originals: dict[str, str]) -> list[str]:
        found = check_library(self._root, deep=True, originals=originals)
        return [f"{one.check}: {one.sentence}" for one in found if one.severity is not Severity.OK]


def chosen(cells: list[tuple[str, Boundary, str]], dice: random.Random, each: int) -> list[tuple[str, Boundary, str]]:
    """A sample: ``each`` boundaries of every job and fault."""
    by_fault: dict[tuple[str, str], list[tuple[str, Boundary, str]]] = {}
    for cell in cells:
        by_fault.setdefault((cell[0], cell[2]), []).append(cell)
    return [cell for group in by_fault.values() for cell in dice.sample(group, min(each, len(group)))]


def run(folder: Path, samples: Path, seed: int, each: int | None, only: str | None) -> Iterator[Cell]:
    """All cells, or ``each`` of every job and fault, in an order that the seed tells."""
    matrix, dice = Matrix(folder, samples), random.Random(seed)
    for name in JOBS:
        if only is not None and name != only:
            continue
        cells = matrix.cells(name)
        if each is not None:
            cells = chosen(cells, dice, each)
        for cell in cells:
            yield matrix.run(*cell)


def main(folder: str, samples: str, seed: str, each: str, only: str = "") -> None:
    """One line of JSON a cell."""
    for cell in run(Path(folder), Path(samples), int(seed), int(each) or None, only or None):
        print(json.dumps(asdict(cell)), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
