"""What ``prefect worker start --with-healthcheck`` answers: a worker that takes nothing at present is well."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import anyio
import pytest
from prefect.client.orchestration import get_client
from prefect.settings import PREFECT_API_URL, temporary_settings

from reelmill.errors import FailureClass
from reelmill.queue.breaker import Breaker
from reelmill.settings import get_settings
from workpools.site.readiness import Readiness
from workpools.worker import ReelmillWorker

_NOBODY = "postgresql://nobody@127.0.0.1:1/none"


@pytest.fixture
def worker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ReelmillWorker]:
    """One that last polled an hour ago; neither the server nor the database is there."""
    monkeypatch.setenv("REELMILL_DATA_DIR", str(tmp_path))
    monkeypatch.setenv("REELMILL_DATABASE_URL", _NOBODY)
    get_settings.cache_clear()
    with temporary_settings({PREFECT_API_URL: "http://127.0.0.1:1/api"}):
        made = ReelmillWorker("cpu", limit=1)
        made._last_polled_time = datetime.now(UTC) - timedelta(hours=1)
        yield made
        made._worker_lock.release()


def _idle(worker: ReelmillWorker) -> None:
    """Nothing to do but that the database is away."""


def _full(worker: ReelmillWorker) -> None:
    worker.limiter.acquire_on_behalf_of_nowait("a job")


def _paused(worker: ReelmillWorker) -> None:
    worker._breaker = Breaker(1).ended(FailureClass.RESOURCE, "The disk is full.")


def _leaving_it_to_others(worker: ReelmillWorker) -> None:
    worker._reason_to_leave = "this node has no GPU"


def _draining(worker: ReelmillWorker) -> None:
    worker._draining = True


def _giving_way(worker: ReelmillWorker) -> None:
    worker._no_poll_until = float("inf")


@pytest.mark.parametrize("how", [_idle, _full, _paused, _leaving_it_to_others, _draining, _giving_way])
def test_a_worker_that_takes_nothing_is_well(worker: ReelmillWorker, how: Callable[[ReelmillWorker], None]) -> None:
    async def ask() -> None:
        worker._limiter = anyio.CapacityLimiter(1)
        async with get_client() as nobody:
            worker._readiness = Readiness(nobody, "cpu")
            how(worker)
            assert await worker.get_and_submit_flow_runs() == []

    asyncio.run(ask())
    assert worker.is_worker_still_polling(query_interval_seconds=5)


def test_without_the_database_a_worker_takes_nothing_and_says_why(worker: ReelmillWorker) -> None:
    async def ask() -> None:
        worker._limiter = anyio.CapacityLimiter(1)
        assert await worker.get_and_submit_flow_runs() == []

    asyncio.run(ask())
    assert worker._last_line.startswith(
        "takes no job until it can keep others from the pool meanwhile: The site's database"
    )
