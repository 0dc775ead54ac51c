"""``submit_bulk``: 1,000 jobs handed in at once, against the same by single calls."""

from __future__ import annotations

import uuid
from collections.abc import Callable

from bench.harness import Row, compare, wall
from bench.site import BenchSite, bench_site
from reelmill.dispatch import dispatcher
from workpools.pools import pools

JOBS = 1_000
SINGLE = 100  # of them are handed in singly, which takes each as long as any other
JOB_TYPE = "validate"
LIMIT = "Prefect's server, which checks and inserts each run of a bulk by itself"


def run(runs: int) -> Row:
    """Measure."""
    with bench_site() as bench, dispatcher() as prefect:
        for pool in pools():
            bench.pause(pool.name)

        def bulk() -> float:
            return _seconds(bench, lambda: prefect.jobs.submit_many(JOB_TYPE, [_parameters() for _ in range(JOBS)]))

        def single() -> float:
            seconds = _seconds(bench, lambda: [prefect.jobs.submit(JOB_TYPE, _parameters()) for _ in range(SINGLE)])
            return seconds * JOBS / SINGLE

        return compare(
            "submit_bulk", f"the same by single calls ({SINGLE} of {JOBS} measured)", "seconds", 6, LIMIT,
            ours=bulk, theirs=single, runs=runs,
        )  # fmt: skip


def _parameters() -> dict[str, str]:
    return {"video_id": str(uuid.uuid4())}  # so that no job is the same as another


def _seconds(bench: BenchSite, work: Callable[[], object]) -> float:
    seconds = wall(work)
    bench.forget_runs()
    return seconds
