"""``start_latency``: from handing in a run on an idle site to its start, against Prefect's process worker."""

from __future__ import annotations

import random
import statistics
import time
from typing import Final

from bench.harness import Row, compare
from bench.site import PROCESS, BenchSite, Extra, bench_site
from workpools.template import WORKER_TYPE

OURS = 5  # samples a turn
THEIRS = 2
LIMIT = (
    "the worker's bookkeeping before it may start a run: half; then loading run and deployment in the run's process "
    "and its connection for suspensions"
)

_OUR_POLL: Final = 5.0  # seconds; an event wakes it before, so this only spreads the samples
_THEIR_POLL: Final = 10.0


def run(runs: int) -> Row:
    """Measure."""
    with bench_site() as bench:
        ours = bench.add_pool(WORKER_TYPE, limit=1)
        theirs = bench.add_pool(PROCESS, limit=1)
        return compare(
            "start_latency", "Prefect's process worker with its default settings", "seconds", 10, LIMIT,
            ours=lambda: _median(bench, ours, OURS, _OUR_POLL),
            theirs=lambda: _median(bench, theirs, THEIRS, _THEIR_POLL),
            runs=runs,
        )  # fmt: skip


def _median(bench: BenchSite, extra: Extra, samples: int, poll: float) -> float:
    return statistics.median(_once(bench, extra, poll) for _ in range(samples))


def _once(bench: BenchSite, extra: Extra, poll: float) -> float:
    time.sleep(random.uniform(0, poll))  # at any time between two of its questions
    submitted = time.time()
    (run_id,) = bench.submit(extra, 1)
    (finished,) = bench.completed([run_id])
    assert finished.start_time is not None
    return finished.start_time.timestamp() - submitted
