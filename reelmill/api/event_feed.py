"""What happens on a site, sent to whoever listens: one poller for all of them, and none while nobody does."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

from reelmill.api.event_views import sent, sent_changes, site_events
from reelmill.dispatch.snapshot import SiteNow
from reelmill.dispatch.tables.job_changes import Changes
from reelmill.errors import ReelmillError

#: Readings that may wait for one listener; who is slower is cut off, and goes on from its cursor when it comes back.
BACKLOG: Final = 64

_HEARTBEAT: Final = ": still here\n\n"
_COME_BACK: Final = "retry: 2000\n\n"  # milliseconds


@dataclass(frozen=True)
class Pace:
    """How often things are done, in seconds."""

    poll: float = 1.0
    heartbeat: float = 15.0  # proxies close connections that are silent for a minute


@dataclass(eq=False)
class _Listener:
    """One connection."""

    queue: asyncio.Queue[str]
    cut_off: bool = False


class EventFeed:
    """Feeds any number of listeners of one event loop.

    Args:
        changes: the jobs that have changed since a cursor, see ``JobReader.changes``.
        site: the site as it is now, see ``SiteSnapshot.now``.
        pace: how often they are asked.
        backlog: readings that may wait for one listener.
    """

    def __init__(
        self,
        changes: Callable[[str | None], Changes],
        site: Callable[[], SiteNow],
        pace: Pace = Pace(),
        backlog: int = BACKLOG,
    ):
        self._changes, self._site, self._pace, self._backlog = changes, site, pace, backlog
        self._listeners: set[_Listener] = set()
        self._poller: asyncio.Task[None] | None = None

    @property
    def polling(self) -> bool:
        """Whether the site is read at present."""
        return self._poller is not None

    async def open(self, after: str | None) -> AsyncGenerator[str]:
        """Begin to listen.

        Args:
            after: the cursor of the last event that was heard; None: begin now.

        Returns:
            Text of server-sent events as it comes: every lane and node first, then what changes. A job may come twice.

        Raises:
            UserError: that is no cursor.
            PlatformError: the site's database or server is away.
        """
        first = await asyncio.to_thread(self._changes, after)
        site = await asyncio.to_thread(self._site)
        return self._listen(first, site)

    async def _listen(self, first: Changes, site: SiteNow) -> AsyncGenerator[str]:
        listener = _Listener(asyncio.Queue(self._backlog))
        self._listeners.add(listener)
        try:
            if self._poller is None or self._poller.done():
                self._poller = asyncio.create_task(self._poll(first.cursor, site))
            yield _COME_BACK + sent(site_events(site, None)) + sent_changes(first)
            async for text in self._between(first.cursor, site):
                yield text
            while not listener.cut_off:
                yield await self._next(listener)
        finally:
            self._listeners.discard(listener)
            if not self._listeners and self._poller is not None:
                self._poller.cancel()
                self._poller = None

    async def _between(self, cursor: str, site: SiteNow) -> AsyncIterator[str]:
        """What the poller has sent between a listener's first reading and its coming."""
        while True:
            try:
                changes = await asyncio.to_thread(self._changes, cursor)
                now = await asyncio.to_thread(self._site)
                yield sent(site_events(now, site)) + sent_changes(changes) or _HEARTBEAT
            except ReelmillError:  # away
                yield _HEARTBEAT
                await asyncio.sleep(self._pace.poll)
            else:
                return

    async def _next(self, listener: _Listener) -> str:
        try:
            return await asyncio.wait_for(listener.queue.get(), self._pace.heartbeat)
        except TimeoutError:
            return _HEARTBEAT

    async def _poll(self, cursor: str, site: SiteNow) -> None:
        try:
            while True:
                await asyncio.sleep(self._pace.poll)
                with suppress(ReelmillError):  # away; listeners wait, and the cursor stays where it is
                    changes = await asyncio.to_thread(self._changes, cursor)
                    now = await asyncio.to_thread(self._site)
                    self._send(sent(site_events(now, site)) + sent_changes(changes))
                    cursor, site = changes.cursor, now
        finally:  # without a poller nobody is to listen on in vain
            for listener in self._listeners:
                listener.cut_off = True

    def _send(self, text: str) -> None:
        for listener in self._listeners if text else ():
            try:
                listener.queue.put_nowait(text)
            except asyncio.QueueFull:
                listener.cut_off = True
