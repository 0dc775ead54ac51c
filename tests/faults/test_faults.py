"""The fault matrix: a sample of it whenever the tests run, all of it, and its table, with ``make faults``."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import uuid
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final

import pytest

from tests.faults.harm import FAULTS, NEEDS_DISK
from tests.faults.jobs import JOBS, samples
from tests.faults.matrix import Cell

_REPOSITORY: Final = Path(__file__).parent.parent.parent
_ALL: Final = os.environ.get("FAULTS") == "all"
_SEED: Final = os.environ.get("SEED", "1")
_EACH: Final = "0" if _ALL else "1"  # boundaries of each job and fault; 0: every one


@pytest.mark.timeout(3600 if _ALL else 1800)
def test_whatever_befalls_a_job_nothing_is_lost(catalogue: str, open_folder: Path, tmp_path: Path) -> None:
    folder = open_folder / f"faults-{uuid.uuid4().hex[:8]}"
    folder.mkdir()
    cells = _run(folder, samples(tmp_path / "samples"))
    print(f"\nThe fault matrix, seed {_SEED}{'' if _ALL else ', a sample: `make faults` runs all of it'}\n")
    print(table(cells))
    wrong = [cell for cell in cells if cell.wrong]
    assert not wrong, "\n".join(f"{cell.job}, {cell.boundary}, {cell.fault}: {cell.wrong}" for cell in wrong)
    assert {(cell.job, cell.fault) for cell in cells} >= {
        (job, fault) for job in JOBS for fault in FAULTS if fault not in NEEDS_DISK
    }
    assert "killed" in {cell.ended for cell in cells}
    assert "stopped" in {cell.ended for cell in cells}
    assert any(line.startswith("removed: ") for cell in cells for line in cell.settled)


def _run(folder: Path, taken: Path) -> list[Cell]:
    done = subprocess.run(
        [sys.executable, "-m", "tests.faults.matrix", folder, taken, _SEED, _EACH],
        capture_output=True,
        text=True,
        cwd=_REPOSITORY,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return [Cell(**json.loads(line)) for line in done.stdout.splitlines()]


def table(cells: Sequence[Cell]) -> str:
    """Job by job: a row for each boundary, a column for each fault, what became of the job in between."""
    lines = []
    faults = list(FAULTS)
    for job in dict.fromkeys(cell.job for cell in cells):
        mine = [cell for cell in cells if cell.job == job]
        lines.append(_row(job, faults))
        for boundary in dict.fromkeys(cell.boundary for cell in mine):
            found = {cell.fault: outcome(cell) for cell in mine if cell.boundary == boundary}
            lines.append(_row(f"  {boundary}", [found.get(fault, "") for fault in faults]))
        good = sum(not cell.wrong for cell in mine)
        lines.append(
            f"  {good} of {len(mine)}: originals identical, records true, nothing partial, done when run again\n"
        )
    lines.append("+ start-up took what was complete into the catalogue   - it removed what was half done")
    return "\n".join(lines)


def outcome(cell: Cell) -> str:
    """How the job ended, and what the start-up after it did."""
    if cell.wrong:
        return "WRONG"
    adopted = " +" if any(line.startswith("recovered: ") for line in cell.settled) else ""
    removed = " -" if any(line.startswith("removed: ") for line in cell.settled) else ""
    return f"{cell.ended}{adopted}{removed}"


def _row(first: str, rest: Iterable[str]) -> str:
    return f"{first:24}" + "".join(f"{cell:20}" for cell in rest).rstrip()
