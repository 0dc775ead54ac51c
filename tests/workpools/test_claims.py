"""Several workers of one pool: its limit and the order of its lanes hold, whoever asks and whoever dies."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import datetime
from itertools import pairwise
from pathlib import Path

import pytest
from prefect.client.orchestration import get_client
from prefect.client.schemas.actions import WorkPoolUpdate
from prefect.client.schemas.objects import StateType

from reelmill.queue.job import lane_of
from reelmill.settings import get_settings
from tests.patience import until
from tests.workpools.conftest import Engine, database_url
from workpools.site.claim_lock import ClaimLock
from workpools.worker import ReelmillWorker

pytestmark = pytest.mark.site

_HIGH, _IDLE = 1, 10
_TAKES_A_SLOT = (StateType.PENDING, StateType.RUNNING)


@contextmanager
def _workers(engine: Engine, pool: str, limit: int) -> Iterator[None]:
    """Three workers of a pool, as on three machines."""
    with ExitStack() as stack:
        for name in "abc":
            stack.enter_context(engine.worker(pool, f"{name}-{pool}", limit=limit))
        yield


def _slots(engine: Engine, run_id: uuid.UUID) -> list[tuple[datetime, datetime]]:
    """When a run took a slot of its pool, by the server's own history of its states."""
    states = sorted(engine.client.read_flow_run_states(run_id), key=lambda state: state.timestamp)
    return [(state.timestamp, after.timestamp) for state, after in pairwise(states) if state.type in _TAKES_A_SLOT]


def test_a_pool_of_limit_one_never_has_two_jobs_however_many_workers_ask(engine: Engine) -> None:
    pool = engine.pool(f"one-{uuid.uuid4().hex[:6]}", limit=1)
    runs: list[uuid.UUID] = []
    with _workers(engine, pool, limit=1):
        for _round in range(12):
            pair = engine.submit_all(pool, [5, 5])
            engine.all_ended(pair)
            runs += pair
    intervals = sorted(interval for run_id in runs for interval in _slots(engine, run_id))
    both = [(begun, ended, again) for (begun, ended), (again, _) in pairwise(intervals) if again < ended]
    assert not both


def test_a_lane_is_empty_before_the_next_begins_however_many_workers_ask(engine: Engine) -> None:
    pool = engine.pool(f"lanes-{uuid.uuid4().hex[:6]}")
    engine.client.update_work_pool(pool, WorkPoolUpdate(is_paused=True))
    for _hundred in range(5):  # enough for a poll to take a while
        engine.submit_all(pool, [_HIGH] * 100)
        engine.submit_all(pool, [_IDLE] * 100)
    with _workers(engine, pool, limit=1):
        engine.client.update_work_pool(pool, WorkPoolUpdate(is_paused=False))
        engine.submit_all(pool, [_IDLE])  # of which the workers hear
        until(lambda: sum(engine.lanes_taken(pool).values()) >= 18)
        engine.client.update_work_pool(pool, WorkPoolUpdate(is_paused=True))
        taken = engine.lanes_taken(pool)
    engine.forget(pool)
    assert set(taken) == {lane_of(_HIGH)}


def test_a_worker_that_lost_its_claim_takes_nothing(
    engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REELMILL_DATA_DIR", str(tmp_path))
    get_settings.cache_clear()
    monkeypatch.setattr(ClaimLock, "HOLD_SECONDS", 0.3)
    run = engine.submit(engine.pool(f"lost-{uuid.uuid4().hex[:6]}"))

    async def propose(pause: float) -> bool:
        worker = ReelmillWorker(run.work_pool_name or "", name="us")
        lock = ClaimLock(lambda: database_url(engine.site), worker.name)
        try:
            async with get_client() as worker._client, lock.hold() as claim:
                worker._claims[run.id] = claim
                await asyncio.sleep(pause)  # as one that is stopped, or on a machine that hangs
                taken = await worker._propose_pending_state(run)
                assert await claim.until_answered([run.id], 0)
                return taken
        finally:
            await lock.close()
            worker._worker_lock.release()

    assert not asyncio.run(propose(pause=0.8))
    assert engine.read(run).state_name == "Scheduled"
    monkeypatch.setattr(ClaimLock, "HOLD_SECONDS", 60.0)
    assert asyncio.run(propose(pause=0))
    assert engine.read(run).state_name == "Pending"
