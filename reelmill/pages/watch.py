"""What changes on the site, read once for all browsers, and not at all while nobody looks.

Jobs and the rest of the site are read beside each other: jobs come from the database and are known in milliseconds,
pools, nodes and GPU memory from the Prefect server, which takes its time.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from typing import Final

from reelmill.dispatch.snapshot import SiteNow
from reelmill.dispatch.tables.job_changes import Changes
from reelmill.errors import ReelmillError

_log = logging.getLogger(__name__)

#: Seconds between two readings.
PACE: Final = 1.0


@dataclass(frozen=True)
class Reading:
    """One reading of the site."""

    changes: Changes | None = None  # the jobs that are not as they were; None: it is not of jobs
    site: SiteNow | None = None  # pools, nodes and GPU memory; None: it is not of them, or the server is away
    away: str | None = None  # the database, in a sentence

    def after_gap(self) -> Reading:
        """The same for who has missed what came before it: lists are to be read anew."""
        if self.away is not None:
            return self
        changes = self.changes or Changes([], {}, cursor="")
        return replace(self, changes=replace(changes, complete=False))

    def followed_by(self, later: Reading) -> Reading:
        """Both in one, for who had no time for the first."""
        of_jobs = self if later.changes is None and later.away is None else later
        both = Reading(of_jobs.changes, later.site or self.site, of_jobs.away)
        return both if self.changes is None or later.changes is None else both.after_gap()


#: Is awaited with each reading that has news, and once with what is away.
Watcher = Callable[[Reading], Awaitable[None]]


class SiteWatch:
    """Reads the site for any number of pages of one event loop.

    Args:
        changes: the jobs that have changed since a cursor, see ``JobReader.changes``.
        site: the site as it is now, see ``SiteSnapshot.now``.
        pace: seconds between two readings.
    """

    def __init__(self, changes: Callable[[str | None], Changes], site: Callable[[], SiteNow], pace: float = PACE):
        self._jobs, self._site, self._pace = _JobReadings(changes), _SiteReadings(site), pace
        self._watchers: set[Watcher] = set()
        self._pollers: list[asyncio.Task[None]] = []
        self._woken: list[asyncio.Event] = []

    @property
    def reading(self) -> bool:
        """Whether the site is read at present."""
        return bool(self._pollers)

    @contextmanager
    def watched_by(self, watcher: Watcher) -> Iterator[None]:
        """Have somebody hear of the site.

        Args:
            watcher: is awaited with each reading that has news, one at a time.

        Yields:
            Nothing.
        """
        self._watchers.add(watcher)
        if not self._pollers:
            self._begin()
        try:
            yield
        finally:
            self._watchers.discard(watcher)
            if not self._watchers:
                for poller in self._pollers:
                    poller.cancel()
                self._pollers, self._woken = [], []

    def wake(self) -> None:
        """Read the site at once, as after something that was done here and that others wait to see."""
        for woken in self._woken:
            woken.set()

    def _begin(self) -> None:
        for readings in (self._jobs, self._site):
            readings.begin()
            self._woken.append(asyncio.Event())
            self._pollers.append(asyncio.create_task(self._poll(readings.next, self._woken[-1])))

    async def _poll(self, read: Callable[[], Awaitable[Reading | None]], woken: asyncio.Event) -> None:
        while True:
            woken.clear()  # what is done from here on may come too late for this reading
            (reading,) = await asyncio.gather(read(), return_exceptions=True)
            if isinstance(reading, BaseException):  # the next reading may do
                _log.error("what has changed on the site could not be read", exc_info=reading)
            elif reading is not None:
                await self._show(reading)
            with suppress(TimeoutError):
                await asyncio.wait_for(woken.wait(), self._pace)

    async def _show(self, reading: Reading) -> None:
        watching = [watcher(reading) for watcher in list(self._watchers)]
        for error in await asyncio.gather(*watching, return_exceptions=True):
            if isinstance(error, Exception):  # the fault of one page, which stops none of the others
                _log.error("a page could not show what has changed", exc_info=error)


class _JobReadings:
    """What is new of jobs since the reading before."""

    def __init__(self, changes: Callable[[str | None], Changes]):
        self._changes = changes
        self.begin()

    def begin(self) -> None:
        """Begin anew: the next reading is news, whatever it holds."""
        self._cursor: str | None = None
        self._known = self._away = False

    async def next(self) -> Reading | None:
        """The next reading, where it has news."""
        try:
            changes = await asyncio.to_thread(self._changes, self._cursor)
        except ReelmillError as error:
            news, self._away = not self._away, True
            return Reading(away=str(error)) if news else None
        news = not self._known or bool(changes.jobs or changes.removed) or not changes.complete
        back, self._away = self._away, False
        self._cursor, self._known = changes.cursor, True
        if back:
            return Reading(changes).after_gap()
        return Reading(changes) if news else None


class _SiteReadings:
    """What is new of pools, nodes and GPU memory since the reading before."""

    def __init__(self, site: Callable[[], SiteNow]):
        self._site = site
        self._asked: asyncio.Future[SiteNow] | None = None  # and not yet answered
        self.begin()

    def begin(self) -> None:
        """Begin anew: the next reading is news, whatever it holds."""
        self._before: SiteNow | ReelmillError | None = None

    async def next(self) -> Reading | None:
        """The next reading, where it has news; an empty one where the server has gone away."""
        before = self._before
        try:
            self._before = now = await self._now()
        except ReelmillError as error:
            self._before = error
            return None if isinstance(before, ReelmillError) else Reading()
        return None if isinstance(before, SiteNow) and before.read_at == now.read_at else Reading(site=now)

    async def _now(self) -> SiteNow:
        if self._asked is None:  # one thread waits for a slow server, however often pages come and go
            self._asked = asyncio.ensure_future(asyncio.to_thread(self._site))
        asked = self._asked
        await asyncio.wait([asked])
        if self._asked is asked:
            self._asked = None
        return asked.result()
