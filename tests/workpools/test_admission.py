"""GPU memory against the real server: two workers of one machine share one budget and never overdraw it."""

from __future__ import annotations

import asyncio
import logging
import random
import uuid
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import pytest
from prefect.client.orchestration import PrefectClient, get_client

from deployments.site import Site
from reelmill.queue.placement import Impossible, Wait
from reelmill.settings import Settings
from workpools.processes.worker_lock import WorkerLock
from workpools.vram.admission import Admission, Grant

pytestmark = pytest.mark.site

BUDGET = 16_000
LOGGER = logging.getLogger("tests.admission")


@asynccontextmanager
async def _worker(settings: Settings, name: str) -> AsyncIterator[Admission]:
    lock = WorkerLock.acquire(settings.worker_dir, name)
    try:
        async with get_client() as client:
            admission = Admission(client, settings, name, LOGGER)
            await admission.prepare()
            yield admission
    finally:
        lock.release()


def _settings(folder: Path) -> Settings:
    return Settings(data_dir=folder, node_name=f"shared-{uuid.uuid4().hex[:6]}", virtual_vram_mb=BUDGET)


async def _job(admission: Admission, need: int, dice: random.Random) -> float:
    """One job: waits, holds, leaves; answers how often it had to ask."""
    run, arrived, asked = uuid.uuid4(), asyncio.get_running_loop().time(), 0
    while not isinstance(await admission.request(run, need, dice.randint(1, 10), arrived), Grant):
        asked += 1
        await asyncio.sleep(0.02)
    await asyncio.sleep(dice.uniform(0, 0.1))
    await admission.leave(run)
    return asked


async def _sample(client: PrefectClient, limit: str, found: list[int]) -> None:
    while True:
        found.append((await client.read_global_concurrency_limit_by_name(limit)).active_slots)
        await asyncio.sleep(0.01)


def test_a_hundred_random_jobs_of_two_workers_never_overdraw_the_budget(on_site: Site, tmp_path: Path) -> None:
    settings, dice, found = _settings(tmp_path), random.Random(7), list[int]()

    async def all_of_it() -> list[float]:
        async with (
            _worker(settings, "one") as one,
            _worker(settings, "two") as two,
            get_client() as client,
        ):
            limit = one.budgets[0].limit_name
            sampler = asyncio.create_task(_sample(client, limit, found))
            waiting = iter(
                [(dice.choice((one, two)), dice.choice((500, 2000, 4000, 8000, 16_000))) for _ in range(100)]
            )

            async def slot() -> list[float]:
                return [await _job(admission, need, dice) for admission, need in waiting]

            asked = await asyncio.gather(*(slot() for _ in range(8)))
            sampler.cancel()
            assert (await client.read_global_concurrency_limit_by_name(limit)).active_slots == 0
            return [times for slot in asked for times in slot]

    asked = asyncio.run(all_of_it())
    assert len(asked) == 100
    assert max(asked) > 0, "some had to wait, else nothing was shown"
    assert len(found) > 50
    assert 0 < max(found) <= BUDGET


def test_what_a_dead_worker_held_is_given_back_by_the_next_that_asks(on_site: Site, tmp_path: Path) -> None:
    settings = _settings(tmp_path)

    async def all_of_it() -> None:
        async with _worker(settings, "lives") as lives:
            # A worker that took a share and then was no more: its name's lock is gone with it.
            async with get_client() as client:
                WorkerLock.acquire(settings.worker_dir, "dies").release()
                dies = Admission(client, settings, "dies", LOGGER)
                await dies.prepare()
                lock = WorkerLock.acquire(settings.worker_dir, "dies")
                assert isinstance(await dies.request(uuid.uuid4(), 10_000, 5, 0.0), Grant)
                assert isinstance(await lives.request(uuid.uuid4(), 8000, 5, 1.0), Wait)
                lock.release()
            assert isinstance(await lives.request(uuid.uuid4(), 16_000, 5, 0.5), Grant)

    asyncio.run(all_of_it())


def test_what_an_earlier_worker_of_the_same_name_held_is_given_back_at_the_start(on_site: Site, tmp_path: Path) -> None:
    settings = _settings(tmp_path)

    async def all_of_it() -> None:
        async with _worker(settings, "again") as first:
            assert isinstance(await first.request(uuid.uuid4(), 10_000, 5, 0.0), Grant)
        async with _worker(settings, "again") as second:
            assert isinstance(await second.request(uuid.uuid4(), 16_000, 5, 0.0), Grant)

    asyncio.run(all_of_it())


def test_a_job_larger_than_any_card_is_told_so(on_site: Site, tmp_path: Path) -> None:
    async def ask() -> object:
        async with _worker(_settings(tmp_path), "one") as one:
            return await one.request(uuid.uuid4(), BUDGET + 1, 5, 0.0)

    answer = asyncio.run(ask())
    assert isinstance(answer, Impossible)
    assert "16001 MB" in answer.reason


def test_an_overcount_of_the_server_is_found_and_put_right(
    on_site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Admission, "LEAK_SECONDS", -1.0)
    settings = _settings(tmp_path)

    async def all_of_it() -> tuple[int, int]:
        async with _worker(settings, "one") as one, get_client() as client:
            limit = one.budgets[0].limit_name
            held = await one.request(uuid.uuid4(), 3000, 5, 0.0)
            assert isinstance(held, Grant)
            # What a server killed between its two commits leaves: counted, and no lease to it.
            await client.increment_concurrency_slots([limit], 5000, "concurrency")
            before = (await client.read_global_concurrency_limit_by_name(limit)).active_slots
            await one.audit()
            return before, (await client.read_global_concurrency_limit_by_name(limit)).active_slots

    assert asyncio.run(all_of_it()) == (8000, 3000)


def test_workers_of_a_new_machine_that_come_up_at_once_all_come_up(on_site: Site, tmp_path: Path) -> None:
    async def all_at_once() -> set[int]:
        limits = set()
        async with AsyncExitStack() as stack:
            clients = [await stack.enter_async_context(get_client()) for _ in range(6)]
            for attempt in range(5):  # each time a machine that the server has never seen
                settings = _settings(tmp_path / str(attempt))
                workers = [Admission(client, settings, f"w{n}", LOGGER) for n, client in enumerate(clients)]
                await asyncio.gather(*(worker.prepare() for worker in workers))
                name = workers[0].budgets[0].limit_name
                limits.add((await clients[0].read_global_concurrency_limit_by_name(name)).limit)
        return limits

    assert asyncio.run(all_at_once()) == {BUDGET}
