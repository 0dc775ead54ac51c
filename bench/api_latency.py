"""``api_latency``: jobs read on a site of 100,000 of them, against Prefect's own API for the same questions."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, Final

from sqlalchemy import text

from bench.harness import Row, compare, wall
from bench.many_jobs import insert
from bench.site import bench_site
from reelmill.catalogue.engine import get_engine
from reelmill.dispatch import Dispatcher, JobFilter, dispatcher
from reelmill.queue.job import JobStatus
from workpools.pools import pools

JOBS: Final = 100_000
TIMES: Final = 20  # each question is asked of us in a turn
PEER_TIMES: Final = 5

#: Pages of 20 as people ask for them.
FILTERS: Final = (
    JobFilter(),
    JobFilter(statuses=(JobStatus.FAILED,)),
    JobFilter(types=("validate",)),
    JobFilter(pool="cpu", statuses=(JobStatus.PENDING,)),
)


def run(runs: int) -> Row:
    """Measure."""
    with bench_site() as bench, dispatcher() as prefect:
        for pool in pools():
            bench.pause(pool.name)
        _fill()
        row = compare(
            "api_latency", f"Prefect's API, the same pages of 20 ({JOBS} jobs)", "ms, p95 of a list", 5, "",
            ours=lambda: _p95(_lists(prefect, TIMES)), theirs=lambda: _p95(_peer_lists(prefect, PEER_TIMES)), runs=runs,
        )  # fmt: skip
        return replace(row, limit=f"counting what a filter chooses (half), then Python's rows. {_rest(prefect)}")


def _fill() -> None:
    with get_engine().begin() as connection:
        insert(connection, JOBS)
    with get_engine().connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("VACUUM (ANALYZE) flow_run"))  # as PostgreSQL does by itself after a while


def _lists(prefect: Dispatcher, times: int) -> list[float]:
    return [wall(lambda wanted=wanted: prefect.reader.page(wanted)) for _ in range(times) for wanted in FILTERS]  # type: ignore[misc]


def _peer_lists(prefect: Dispatcher, times: int) -> list[float]:
    ask = prefect.jobs.search
    return [wall(lambda wanted=wanted: ask(wanted, size=20)) for _ in range(times) for wanted in FILTERS]  # type: ignore[misc]


def _rest(prefect: Dispatcher) -> str:
    """The other questions and the actions, in words: ours and, where it has the question, Prefect's."""
    waiting = prefect.reader.page(JobFilter(statuses=(JobStatus.PENDING,)), size=10).jobs
    ids = [job.id for job in waiting]

    def steer(job_id: Any) -> None:
        prefect.jobs.pause(job_id)
        prefect.jobs.resume(job_id)

    measured = {
        "list": (_lists(prefect, TIMES), _peer_lists(prefect, PEER_TIMES)),
        "detail": (_each(prefect.reader.read, ids), _each(prefect.jobs.read, ids)),
        "stats": (_each(prefect.reader.statistics, [7] * 5), _each(prefect.numbers.of_server, [7] * 2)),
    }
    texts = [f"{name} {_range(ours)} to {_range(theirs)}" for name, (ours, theirs) in measured.items()]
    return (
        f"p50/p95 in ms, ours to Prefect's: {', '.join(texts)}; pausing and resuming a job {_range(_each(steer, ids))}"
    )


def _each(ask: Callable[[Any], object], arguments: Sequence[Any]) -> list[float]:
    return [wall(lambda argument=argument: ask(argument)) for argument in arguments]  # type: ignore[misc]


def _p95(seconds: Sequence[float]) -> float:
    return 1000 * sorted(seconds)[int(0.95 * (len(seconds) - 1))]


def _range(seconds: Sequence[float]) -> str:
    return f"{1000 * statistics.median(seconds):.0f}/{_p95(seconds):.0f}"
