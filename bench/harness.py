"""How a row is measured: ours and the peer in turn, medians, one line of JSON, one table."""

from __future__ import annotations

import json
import os
import platform
import resource
import statistics
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final, Protocol

from reelmill.ffmpeg.binary import find_ffmpeg, version

RESULTS: Final = Path(__file__).parent / "RESULTS.md"
_LINES: Final = Path(__file__).parent / "results.json"

Measure = Callable[[], float]


@dataclass(frozen=True)
class Row:
    """One row: both medians, and how many times better ours is."""

    row: str
    peer: str
    unit: str
    ours: float
    theirs: float
    ratio: float
    goal: float
    spread: str  # of the ratio over the runs
    limit: str  # what keeps it from being better


class Bench(Protocol):
    """What a row's module holds: ``run(runs)``."""

    def run(self, runs: int) -> Row:
        """Measure."""


def compare(
    row: str, peer: str, unit: str, goal: float, limit: str, *, ours: Measure, theirs: Measure, runs: int
) -> Row:
    """Measure both in turn, ``runs`` times, after one unmeasured turn of each that warms caches.

    Args:
        row: its name.
        peer: what we are measured against.
        unit: of what ``ours`` and ``theirs`` return; less is better.
        goal: the ratio aimed at.
        limit: what limits ours now.
        ours: does it once and returns its cost.
        theirs: the peer's.
        runs: how many turns.

    Returns:
        Medians, their ratio and its spread.
    """
    ours()
    theirs()
    pairs = [(ours(), theirs()) for _ in range(runs)]
    ratios = sorted(their / our for our, their in pairs)
    our, their = (statistics.median(values) for values in zip(*pairs, strict=True))
    return Row(
        row=row,
        peer=peer,
        unit=unit,
        ours=round(our, 4),
        theirs=round(their, 4),
        ratio=round(their / our, 2),
        goal=goal,
        spread=f"{ratios[0]:.2f} to {ratios[-1]:.2f}",
        limit=limit,
    )


def wall(work: Callable[[], object]) -> float:
    """Seconds on the clock."""
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def cpu(work: Callable[[], object]) -> float:
    """CPU seconds of this process and of the children it waited for."""
    before = _cpu_seconds()
    work()
    return _cpu_seconds() - before


def _cpu_seconds() -> float:
    usages = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(usage.ru_utime + usage.ru_stime for usage in usages)


def record(row: Row, runs: int) -> None:
    """Print the row and renew its line in the table; other rows stay as they were measured."""
    print(json.dumps(asdict(row)), flush=True)
    lines: dict[str, Any] = json.loads(_LINES.read_text()) if _LINES.exists() else {}
    lines[row.row] = asdict(row) | {"runs": runs, "node": _node()}
    _LINES.write_text(json.dumps(lines, indent=1, sort_keys=True) + "\n")
    RESULTS.write_text(_table(lines))


def _node() -> str:
    model = next(
        (
            line.partition(":")[2].strip()
            for line in Path("/proc/cpuinfo").read_text().splitlines()
            if "model name" in line
        ),
        platform.machine(),
    )
    ffmpeg = version(find_ffmpeg())
    return f"{os.cpu_count()} cores, {model}, Python {platform.python_version()}, ffmpeg {ffmpeg}"


def _table(lines: dict[str, Any]) -> str:
    text = (
        "# Bench results\n\nWritten by `make bench`: ours and the peer in turn in one run, medians. `ratio` is how "
        "many times better ours is.\n\n"
        "| row | peer | unit | ours | theirs | ratio | spread | goal | what limits it now |\n"
        "|---|---|---|---|---|---|---|---|---|\n"
    )
    for name, line in sorted(lines.items()):
        cells = (
            name,
            *(str(line[key]) for key in ("peer", "unit", "ours", "theirs", "ratio", "spread", "goal", "limit")),
        )
        text += "| " + " | ".join(cells) + " |\n"
    nodes = sorted({f"{line['runs']} runs on {line['node']}" for line in lines.values()})
    return text + "\n" + "".join(f"{node}.\n" for node in nodes)
