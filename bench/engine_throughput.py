"""``engine_throughput``: empty flows through our worker, against Prefect's process worker on the same server."""

from __future__ import annotations

import statistics
import time
from dataclasses import replace
from typing import Final
from uuid import UUID

from bench.harness import Row, compare, wall
from bench.site import PROCESS, BenchSite, Cpu, Extra, bench_site
from workpools.template import WORKER_TYPE

AT_ONCE = 5  # runs: the limit of both workers and pools
OURS = 40  # runs a turn
THEIRS = AT_ONCE  # one full round, since theirs take so long

#: Prefect's own default is 10: its worker would sleep more than it works.
_THEIR_POLL: Final = {"PREFECT_WORKER_QUERY_SECONDS": "1"}

_QUIET: Final = 1.0  # seconds in which the server is done with what was before

LIMIT = (
    "CPU: the Prefect server's answers to the 22 requests of a run (over half of it), then Prefect's engine in the "
    "run's process"
)


class _Side:
    """One worker, and what each of its turns cost; the runs are queued before the clock starts."""

    def __init__(self, bench: BenchSite, extra: Extra, runs: int):
        self._bench, self._extra, self._runs = bench, extra, runs
        self._spent: list[Cpu] = []

    def turn(self) -> float:
        """Seconds a run."""
        self._bench.pause(self._extra.pool)
        ids = self._bench.submit(self._extra, self._runs - 1)
        time.sleep(_QUIET)
        before = self._bench.cpu(self._extra)
        seconds = wall(lambda: self._work(ids))
        time.sleep(_QUIET)
        self._spent.append(self._bench.cpu(self._extra) - before)
        return seconds / self._runs

    def _work(self, queued: list[UUID]) -> None:
        self._bench.resume(self._extra.pool)
        # The last comes only now: no worker hears of the resumption, ours hears of a new run.
        self._bench.completed(queued + self._bench.submit(self._extra, 1))

    @property
    def described(self) -> str:
        """CPU seconds a run, the warming turn left out."""
        worker, server, database = (
            statistics.median(getattr(spent, process) for spent in self._spent[1:]) / self._runs
            for process in ("worker", "server", "database")
        )
        return f"worker and runs {worker:.2f}, server {server:.2f}, PostgreSQL {database:.2f}"


def run(runs: int) -> Row:
    """Measure."""
    with bench_site() as bench:
        ours = _Side(bench, bench.add_pool(WORKER_TYPE, limit=AT_ONCE), OURS)
        theirs = _Side(bench, bench.add_pool(PROCESS, limit=AT_ONCE, settings=_THEIR_POLL), THEIRS)
        peer = f"Prefect's process worker that asks every second ({AT_ONCE} at once, {OURS} runs to {THEIRS})"
        row = compare(
            "engine_throughput", peer, "seconds a run", 10, LIMIT, ours=ours.turn, theirs=theirs.turn, runs=runs
        )
    rate = f"{1 / row.ours:.1f} runs a second to {1 / row.theirs:.2f}"
    return replace(row, limit=f"{LIMIT}. {rate}. CPU seconds a run: ours {ours.described}; theirs {theirs.described}")
