"""What changes on the site, read once for all browsers, and not at all while nobody looks."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
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

    changes: Changes | None  # the jobs that are not as they were; None: the database is away
    site: SiteNow | None  # pools, nodes and GPU memory, as they were at most two seconds ago; None: the server is away
    away: str | None = None  # what is, in a sentence


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
            reading = await self._read()
            before, self._before = self._before, reading
            if _news(before, reading):
                watching = [watcher(reading) for watcher in list(self._watchers)]
                for error in await asyncio.gather(*watching, return_exceptions=True):
                    if isinstance(error, Exception):  # the fault of one page, which stops none of the others
                        _log.error("a page could not show what has changed", exc_info=error)
            await asyncio.sleep(self._pace)

    async def _read(self) -> Reading:
        changes, site, away = None, None, None
        try:
            changes = await asyncio.to_thread(self._changes, self._cursor)
            self._cursor = changes.cursor
        except ReelmillError as error:
            away = str(error)
        try:
            site = await asyncio.to_thread(self._site)
        except ReelmillError as error:
            away = away or str(error)
        return Reading(changes, site, away)


def _news(before: Reading | None, now: Reading) -> bool:
    """Whether a reading is of anything new (pure)."""
    if before is None or (before.away, before.changes is None) != (now.away, now.changes is None):
        return True
    if now.changes is not None and (now.changes.jobs or now.changes.removed or not now.changes.complete):
        return True
    return now.site is not None and (before.site is None or now.site.read_at != before.site.read_at)
