"""The site at this moment, while the server that is asked is away or slow."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

import pytest

from reelmill.clock import FakeClock
from reelmill.dispatch import snapshot
from reelmill.dispatch.snapshot import SiteNow, SiteSnapshot
from reelmill.dispatch.tables.job_reader import JobReader
from reelmill.dispatch.testing import MemorySite
from reelmill.errors import PlatformError
from reelmill.queue.job import job_view
from reelmill.queue.waiting_reason import PoolNow
from tests.patience import PATIENCE
from tests.queue.facts import NOW, RUN
from tests.refusals import refused


class Server:
    """In the place of the readings of a site: counts them, and fails or waits when a test wants it to."""

    def __init__(self) -> None:
        self.readings, self.away = 0, False
        self.begun, self.go_on = threading.Event(), threading.Event()
        self.go_on.set()

    def read(self, _of: SiteSnapshot) -> SiteNow:
        """See ``SiteSnapshot``."""
        self.readings += 1
        self.begun.set()
        assert self.go_on.wait(PATIENCE)
        if self.away:
            raise PlatformError("The Prefect server does not answer.")
        return SiteNow((), (), (), {}, NOW)


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Server:
    server = Server()
    monkeypatch.setattr(SiteSnapshot, "_read", lambda self: server.read(self))
    return server


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock(datetime(2026, 1, 1, tzinfo=UTC))


@pytest.fixture
def site(server: Server, clock: FakeClock) -> Iterator[SiteSnapshot]:
    with MemorySite(clock).dispatcher() as prefect:
        yield prefect.snapshot


def test_a_server_that_is_away_is_asked_once_for_all_within_two_seconds(
    server: Server, clock: FakeClock, site: SiteSnapshot
) -> None:
    server.away = True
    for _ in range(3):
        with refused(PlatformError):
            site.now()
    assert server.readings == 1
    clock.sleep(2.1)
    server.away = False
    assert site.now().read_at == NOW
    assert server.readings == 2


def test_who_waits_for_the_reading_of_another_does_not_do_so_for_ever(
    server: Server, site: SiteSnapshot, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(snapshot, "_PATIENCE", 0.01)
    server.go_on.clear()
    with ThreadPoolExecutor(1) as threads:
        slow = threads.submit(site.now)
        assert server.begun.wait(PATIENCE)
        try:
            with refused(PlatformError):
                site.now()
        finally:
            server.go_on.set()
        assert slow.result(PATIENCE).read_at == NOW


def test_lists_of_jobs_wait_for_no_slow_server(server: Server, clock: FakeClock, site: SiteSnapshot) -> None:
    site.now()
    site.expire()
    server.begun.clear()
    server.go_on.clear()
    with ThreadPoolExecutor(1) as threads:
        slow = threads.submit(site.now)
        assert server.begun.wait(PATIENCE)
        try:
            assert site.waiting() == {}  # of the reading before
            site.expire()  # nor does this wait; what is read meanwhile is from before it
        finally:
            server.go_on.set()
        slow.result(PATIENCE)
    site.now()
    assert server.readings == 3


def test_jobs_whose_server_is_away_are_shown_without_the_reasons_why_they_wait() -> None:
    def away() -> Mapping[str, PoolNow]:
        raise PlatformError("The Prefect server does not answer.")

    waits = job_view(RUN, NOW, 3)
    assert waits.waits
    assert JobReader(away)._explained([waits]) == [waits]
