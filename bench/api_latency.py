"""``api_latency``: the REST API of a site of 100,000 jobs, against Prefect's own for the same pages.

Requests go to the process that ``reelmill up`` starts, over HTTP with a token, one after the other on one connection.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, Final

import httpx
from sqlalchemy import text

from bench.harness import Row, compare, wall
from bench.many_jobs import insert
from bench.site import BenchSite, bench_site
from reelmill.api.access import tokens
from reelmill.api.access.roles import Role
from reelmill.catalogue.engine import get_engine
from reelmill.dispatch import Actor, Dispatcher, JobFilter, dispatcher
from reelmill.queue.job import JobStatus
from workpools.pools import pools

JOBS: Final = 100_000
TIMES: Final = 20  # each page is asked of us in a turn
PEER_TIMES: Final = 5
FEW: Final = 10  # times that the other questions are asked
GOAL_MS: Final = 50  # p95 of a list

LIMIT: Final = "counting what a filter chooses (half), then Python's rows"

#: Pages of 20 as people ask for them, in our words and in Prefect's.
PAGES: Final[Sequence[tuple[Mapping[str, str], JobFilter]]] = (
    ({}, JobFilter()),
    ({"status": "failed"}, JobFilter(statuses=(JobStatus.FAILED,))),
    ({"type": "validate"}, JobFilter(types=("validate",))),
    (
        {"resourceCategory": "cpu", "status": "pending"},
        JobFilter(pool="cpu", statuses=(JobStatus.PENDING,)),
    ),
)


class Asking:
    """Asks the API, and refuses whatever is no success.

    Args:
        client: with a token.
    """

    def __init__(self, client: httpx.Client):
        self._client = client

    def get(self, path: str, **query: Any) -> Any:
        """What a GET of the API brings."""
        return self._client.get(f"/api/media/{path}", params=query).raise_for_status().json()

    def steer(self, job_id: str) -> None:
        """Two actions: a job is paused, and resumed."""
        for action in ("pause", "resume"):
            self._client.post(f"/api/media/jobs/{job_id}/{action}", json={}).raise_for_status()


def run(runs: int, jobs: int = JOBS) -> Row:
    """Measure.

    Args:
        runs: how many turns.
        jobs: how many the site has had.

    Returns:
        The slowest pages of a list, and in words all else.
    """
    with bench_site(api=True) as bench, dispatcher() as prefect, _asking(bench) as api:
        for pool in pools():
            bench.pause(pool.name)
        fill(jobs)
        row = compare(
            "api_latency", f"Prefect's API, the same pages of 20 ({jobs} jobs)", "ms, p95 of a list", 5, "",
            ours=lambda: _p95(_lists(api)), theirs=lambda: _p95(_peer_lists(prefect)), runs=runs,
        )  # fmt: skip
        return replace(row, limit=f"{LIMIT}. {_in_words(api, prefect)}")


@contextmanager
def _asking(bench: BenchSite) -> Iterator[Asking]:
    url = bench.site.rest_url
    assert url is not None
    token = tokens.issue("bench", Role.SUPER_ADMIN, None, Actor("bench")).text
    with httpx.Client(base_url=url, headers={"Authorization": f"Bearer {token}"}, timeout=60) as client:
        yield Asking(client)


def fill(jobs: int) -> None:
    """Make so many jobs, as if they had been run."""
    with get_engine().begin() as connection:
        insert(connection, jobs)
    with get_engine().connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("VACUUM (ANALYZE) flow_run"))  # as PostgreSQL does by itself after a while


def _lists(api: Asking) -> list[float]:
    return [seconds for _ in range(TIMES) for seconds in _each(lambda query: api.get("jobs", **query), _OUR_PAGES)]


def _peer_lists(prefect: Dispatcher) -> list[float]:
    ask = prefect.jobs.search
    return [seconds for _ in range(PEER_TIMES) for seconds in _each(lambda wanted: ask(wanted, size=20), _PEER_PAGES)]


_OUR_PAGES: Final = [query for query, _ in PAGES]
_PEER_PAGES: Final = [wanted for _, wanted in PAGES]


def _in_words(api: Asking, prefect: Dispatcher) -> str:
    """Every question and the actions: ours and, where it has the question, Prefect's."""
    ids = [job["id"] for job in api.get("jobs", status="pending", limit=FEW)["data"]]
    measured = {
        f"list (goal: p95 of {GOAL_MS})": (_lists(api), _peer_lists(prefect)),
        "detail": (_each(lambda job_id: api.get(f"jobs/{job_id}"), ids), _each(prefect.jobs.read, ids)),
        "stats": (
            _each(lambda days: api.get("jobs/stats", days=days), [7] * FEW),
            _each(prefect.numbers.of_server, [7] * 2),
        ),
    }
    texts = [f"{name} {_range(ours)} to {_range(theirs)}" for name, (ours, theirs) in measured.items()]
    both = [seconds / 2 for seconds in _each(api.steer, ids)]
    return f"p50/p95 in ms over HTTP, ours to Prefect's: {', '.join(texts)}; an action on a job {_range(both)}"


def _each(ask: Callable[[Any], object], arguments: Sequence[Any]) -> list[float]:
    return [wall(lambda argument=argument: ask(argument)) for argument in arguments]  # type: ignore[misc]


def _p95(seconds: Sequence[float]) -> float:
    return 1000 * sorted(seconds)[int(0.95 * (len(seconds) - 1))]


def _range(seconds: Sequence[float]) -> str:
    return f"{1000 * statistics.median(seconds):.0f}/{_p95(seconds):.0f}"
