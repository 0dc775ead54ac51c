"""The site is read once for all browsers, and not at all while none is open."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from datetime import UTC, datetime

import pytest

from reelmill.dispatch.snapshot import SiteNow
from reelmill.dispatch.tables.job_changes import Changes
from reelmill.errors import PlatformError
from reelmill.pages.watch import Reading, SiteWatch
from tests.patience import PATIENCE

_SITE = SiteNow(pools=(), nodes=(), vram=(), waiting={}, read_at=datetime(2026, 1, 1, tzinfo=UTC))


def _run(main: Coroutine[None, None, None]) -> None:
    """Run a loop in a thread of its own: a browser driven before in this process keeps one in the main thread."""
    with ThreadPoolExecutor(1) as thread:
        thread.submit(asyncio.run, main).result()


class _Database:
    """Counts how often it is read; may be away."""

    def __init__(self) -> None:
        self.cursors: list[str | None] = []
        self.away = False

    def changes(self, after: str | None) -> Changes:
        self.cursors.append(after)
        if self.away:
            raise PlatformError("The database is away.")
        return Changes([], {}, str(len(self.cursors)), complete=len(self.cursors) % 2 == 0)


def test_what_fails_in_no_known_way_is_read_again(caplog: pytest.LogCaptureFixture) -> None:
    database, received = _Database(), list[Reading]()
    wrong = [ValueError("not of ours"), KeyError("nor this")]

    def site() -> SiteNow:
        if wrong:
            raise wrong.pop()
        return _SITE

    async def receive(reading: Reading) -> None:
        received.append(reading)

    async def main() -> None:
        with SiteWatch(database.changes, site, pace=0.001).watched_by(receive):
            while not any(reading.site for reading in received):
                await asyncio.sleep(0.001)

    _run(main())
    assert [record.exc_info[0] for record in caplog.records if record.exc_info] == [KeyError, ValueError]
    caplog.clear()
    assert [reading.site for reading in received if reading.site] == [_SITE]


def test_jobs_are_shown_while_the_server_takes_its_time_and_read_at_once_where_something_was_done() -> None:
    database, received, slow = _Database(), list[Reading](), threading.Event()

    def site() -> SiteNow:
        assert slow.wait(PATIENCE)
        return _SITE

    async def receive(reading: Reading) -> None:
        received.append(reading)

    async def main() -> None:
        watch = SiteWatch(database.changes, site, pace=PATIENCE)
        with watch.watched_by(receive):
            while not received:
                await asyncio.sleep(0.001)
            watch.wake()  # the next is due in ten minutes
            while len(database.cursors) < 2:
                await asyncio.sleep(0.001)
            assert [reading.site for reading in received] == [None]
            slow.set()
            while received[-1].site is None:
                await asyncio.sleep(0.001)

    _run(main())


def test_what_was_missed_is_read_anew() -> None:
    jobs, site, away = Reading(Changes([], {}, "1")), Reading(site=_SITE), Reading(away="The database is away.")
    assert jobs.followed_by(site) == Reading(jobs.changes, _SITE)
    assert site.followed_by(jobs) == Reading(jobs.changes, _SITE)
    assert jobs.followed_by(jobs).changes == Changes([], {}, "1", complete=False)
    assert jobs.followed_by(away) == away
    assert away.followed_by(site) == Reading(site=_SITE, away=away.away)
    assert Reading().after_gap().changes == Changes([], {}, "", complete=False)


def test_one_reader_serves_all_and_stops_with_the_last() -> None:
    database, received = _Database(), list[tuple[int, Reading]]()
    watch = SiteWatch(database.changes, lambda: _SITE, pace=0.001)

    async def receive(who: int, reading: Reading) -> None:
        received.append((who, reading))

    async def main() -> None:
        with ExitStack() as stack:
            for who in range(5):
                stack.enter_context(watch.watched_by(lambda reading, who=who: receive(who, reading)))  # type: ignore[misc]
            while len(received) < 20:
                await asyncio.sleep(0.001)
            # Each goes on from the one before, however many look.
            assert database.cursors == [None, *map(str, range(1, len(database.cursors)))]
            database.away = True
            while received[-1][1].away is None:
                await asyncio.sleep(0.001)
            database.away = False
            while received[-1][1].away is not None:
                await asyncio.sleep(0.001)
        assert not watch.reading
        read = len(database.cursors)
        await asyncio.sleep(0.05)
        assert len(database.cursors) == read

    _run(main())
    assert {who for who, _ in received} == set(range(5))
