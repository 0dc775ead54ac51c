"""The claim lock of a pool, on a real PostgreSQL: one holder at a time, in order, and no holder beyond its death."""

from __future__ import annotations

import asyncio
import os
import signal
import uuid
from collections.abc import Callable, Coroutine
from typing import Any

import psycopg
import pytest

from reelmill.catalogue.embedded import EmbeddedPostgres
from reelmill.errors import PlatformError
from tests.patience import PATIENCE
from tests.workpools.others import other_process
from workpools.site.claim_lock import NAMESPACE, ClaimLock, PoolBusy

_OTHERS_WAIT = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND classid = %s AND NOT granted"

#: Holds the lock of pool ``cpu``, says so, and keeps it: ``argv`` is the database's URL and how long it may be silent.
TAKE_AND_HOLD = """
    import asyncio, sys
    from workpools.site.claim_lock import ClaimLock

    async def hold():
        ClaimLock.HOLD_SECONDS = float(sys.argv[2])
        async with ClaimLock(lambda: sys.argv[1], "cpu").hold():
            print("held", flush=True)
            await asyncio.sleep(600)

    asyncio.run(hold())
"""


@pytest.fixture
def url(postgres: EmbeddedPostgres) -> str:
    return postgres.url().replace("+psycopg", "")


class Asker:
    """One worker's end of the lock; closed when the test ends."""

    def __init__(self, url: str, pool: str = "cpu"):
        self.lock = ClaimLock(lambda: url, pool)
        self.held, self.let_go = asyncio.Event(), asyncio.Event()

    async def ask(self) -> None:
        try:
            async with self.lock.hold():
                self.held.set()
                await self.let_go.wait()
        finally:
            await self.lock.close()


def _run(what: Callable[[], Coroutine[Any, Any, None]]) -> None:
    async def within() -> None:
        async with asyncio.timeout(PATIENCE):
            await what()

    asyncio.run(within())


async def _waiting(url: str, count: int) -> None:
    """Until so many stand in the queue."""
    async with await psycopg.AsyncConnection.connect(url, autocommit=True) as connection:
        while (await (await connection.execute(_OTHERS_WAIT, [NAMESPACE])).fetchone()) != (count,):
            await asyncio.sleep(0.01)


def test_one_holds_it_and_the_others_come_in_the_order_in_which_they_asked(url: str) -> None:
    async def ask() -> None:
        askers = [Asker(url) for _ in range(4)]
        async with asyncio.TaskGroup() as tasks:
            for number, asker in enumerate(askers):
                tasks.create_task(asker.ask())
                await (_waiting(url, number) if number else asker.held.wait())
            for number, asker in enumerate(askers):
                await asker.held.wait()
                assert [other.held.is_set() for other in askers] == [at <= number for at in range(4)]
                asker.let_go.set()

    _run(ask)


def test_pools_do_not_wait_for_each_other(url: str) -> None:
    async def ask() -> None:
        async with asyncio.TaskGroup() as tasks:
            askers = [Asker(url, pool) for pool in ("cpu", "gpu_encode", "gpu_ai")]
            for asker in askers:
                tasks.create_task(asker.ask())
                await asker.held.wait()
            for asker in askers:
                asker.let_go.set()

    _run(ask)


def test_who_waits_in_vain_is_told_and_may_ask_again(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ClaimLock, "WAIT_SECONDS", 0.05)

    async def ask() -> None:
        first, second = Asker(url), Asker(url)
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(first.ask())
            await first.held.wait()
            for _ in range(2):
                with pytest.raises(PoolBusy):
                    await second.ask()
            first.let_go.set()
        second.let_go.set()
        await second.ask()
        assert second.held.is_set()

    _run(ask)


def test_kill_9_of_its_holder_frees_it(url: str) -> None:
    async def ask(child_pid: int) -> None:
        asker = Asker(url)
        asker.let_go.set()
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(asker.ask())
            await _waiting(url, 1)
            assert not asker.held.is_set()
            os.kill(child_pid, signal.SIGKILL)
            await asker.held.wait()

    with other_process(TAKE_AND_HOLD, url, 600) as child:
        _run(lambda: ask(child.pid))


def test_a_holder_that_is_stopped_loses_it(url: str) -> None:
    async def ask() -> None:
        asker = Asker(url)
        asker.let_go.set()
        await asker.ask()
        assert asker.held.is_set()

    with other_process(TAKE_AND_HOLD, url, 0.5) as child:
        child.send_signal(signal.SIGSTOP)
        _run(ask)


def test_a_holder_that_speaks_keeps_it_and_one_that_was_silent_hears_that_it_lost_it(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ClaimLock, "HOLD_SECONDS", 0.5)

    async def ask() -> None:
        lock = ClaimLock(lambda: url, "cpu")
        async with lock.hold() as claim:
            for _ in range(8):
                await asyncio.sleep(0.1)
                assert await claim.still_holds()
            next_one = Asker(url)
            next_one.let_go.set()
            await next_one.ask()  # only once we were silent for too long
            assert not await claim.still_holds()
        async with lock.hold() as again:
            assert await again.still_holds(), "a new connection is made"
        assert not await again.still_holds(), "it ended with its block"
        await lock.close()

    _run(ask)


def test_a_database_that_is_away_is_said_and_found_again(url: str) -> None:
    asked = iter(["postgresql://nobody@127.0.0.1:1/none", url])

    async def ask() -> None:
        lock = ClaimLock(lambda: next(asked), "cpu")
        with pytest.raises(PlatformError, match="The site's database does not answer: connection"):
            async with lock.hold():
                pytest.fail("there is no database")
        async with lock.hold() as claim:
            assert await claim.still_holds()
        await lock.close()

    _run(ask)


def test_a_connection_that_broke_between_two_claims_is_made_anew(url: str) -> None:
    async def ask() -> None:
        lock = ClaimLock(lambda: url, "cpu")
        async with lock.hold():
            pass
        async with await psycopg.AsyncConnection.connect(url, autocommit=True) as other:
            await other.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid() "
                "AND query = 'ROLLBACK'"
            )
        async with lock.hold() as claim:
            assert await claim.still_holds()
        await lock.close()

    _run(ask)


def test_a_claim_waits_for_the_answers_it_is_for(url: str) -> None:
    async def ask() -> None:
        lock = ClaimLock(lambda: url, "cpu")
        first, second = uuid.uuid4(), uuid.uuid4()
        async with lock.hold() as claim:
            assert await claim.until_answered([], 0)
            claim.answered(first)
            assert await claim.until_answered([first], 0)
            assert not await claim.until_answered([first, second], 0.01)
            asyncio.get_running_loop().call_soon(claim.answered, second)
            assert await claim.until_answered([first, second], 10)
        await lock.close()

    _run(ask)
