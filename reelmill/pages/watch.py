"""What changes on the site, read once for all browsers, and not at all while nobody looks."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Final

from reelmill.dispatch.snapshot import SiteNow
from reelmill.dispatch.tables.job_changes import Changes
from reelmill.errors import ReelmillError

_log = logging.getLogger(__name__)

#: Seconds between two readings.
PACE: Final = 1.0

#: Seconds that what has changed waits for the pools, nodes and GPU memory; then those of before are shown.
_PATIENCE: Final = 2.0


@dataclass(frozen=True)
class Reading:
    """One reading of the site."""

    changes: Changes | None  # the jobs that are not as they were; None: the database is away
    site: SiteNow | None  # pools, nodes and GPU memory, as they were at most two seconds ago; None: the server is away
    away: str | None = None  # what is, in a sentence

    def after_gap(self) -> Reading:
        """The same for who has missed what came before it: lists are to be read anew."""
        return self if self.changes is None else replace(self, changes=replace(self.changes, complete=False))


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
        self._changes, self._site, self._pace = changes, site, pace
        self._watchers: set[Watcher] = set()
        self._poller: asyncio.Task[None] | None = None
        self._cursor: str | None = None
        self._before: Reading | None = None
        self._asked: asyncio.Future[SiteNow] | None = None  # for the site, and not yet answered

    @property
    def reading(self) -> bool:
        """Whether the site is read at present."""
        return self._poller is not None

    @contextmanager
    def watched_by(self, watcher: Watcher) -> Iterator[None]:
        """Have somebody hear of the site.

        Args:
            watcher: is awaited with each reading that has news, one at a time.

        Yields:
            Nothing.
        """
        self._watchers.add(watcher)
        if self._poller is None:
            self._poller = asyncio.create_task(self._poll())
        try:
            yield
        finally:
            self._watchers.discard(watcher)
            if not self._watchers:
                self._poller.cancel()
                self._poller = self._cursor = self._before = None

    async def _poll(self) -> None:
        while True:
            (reading,) = await asyncio.gather(self._read(), return_exceptions=True)
            if isinstance(reading, BaseException):  # the next reading may do
                _log.error("what has changed on the site could not be read", exc_info=reading)
            else:
                before, self._before = self._before, reading
                if _news(before, reading):
                    await self._show(reading)
            await asyncio.sleep(self._pace)

    async def _show(self, reading: Reading) -> None:
        watching = [watcher(reading) for watcher in list(self._watchers)]
        for error in await asyncio.gather(*watching, return_exceptions=True):
            if isinstance(error, Exception):  # the fault of one page, which stops none of the others
                _log.error("a page could not show what has changed", exc_info=error)

    async def _read(self) -> Reading:
        changes, site, away = None, None, None
        try:
            changes = await asyncio.to_thread(self._changes, self._cursor)
            self._cursor = changes.cursor
        except ReelmillError as error:
            away = str(error)
        try:
            site = await self._site_now()
        except ReelmillError as error:
            away = away or str(error)
        return Reading(changes, site, away)

    async def _site_now(self) -> SiteNow | None:
        if self._asked is None:  # one thread waits for a slow server, however often it is asked
            self._asked = asyncio.ensure_future(asyncio.to_thread(self._site))
        await asyncio.wait([self._asked], timeout=_PATIENCE)
        if not self._asked.done():
            return None if self._before is None else self._before.site
        asked, self._asked = self._asked, None
        return asked.result()


def _news(before: Reading | None, now: Reading) -> bool:
    """Whether a reading is of anything new (pure)."""
    if before is None or (before.away, before.changes is None) != (now.away, now.changes is None):
        return True
    if now.changes is not None and (now.changes.jobs or now.changes.removed or not now.changes.complete):
        return True
    return now.site is not None and (before.site is None or now.site.read_at != before.site.read_at)
