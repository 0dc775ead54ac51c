"""Lanes: paused and resumed."""

from __future__ import annotations

from prefect.client.schemas.objects import WorkQueue

from reelmill.dispatch.audit import Audit
from reelmill.dispatch.runs.control import this_user
from reelmill.dispatch.server.connection import Connection, translates_errors
from reelmill.dispatch.server.site_state import SiteState
from reelmill.dispatch.services.pools import no_pool
from reelmill.errors import UnknownName
from reelmill.queue.actor import Actor


class Lanes:
    """What an admin does with single lanes; ``Pools.all`` lists them."""

    def __init__(self, connection: Connection, site: SiteState, audit: Audit):
        self._connection, self._site, self._audit = connection, site, audit

    @translates_errors
    def pause(self, pool: str, lane: str, by: Actor | None = None) -> None:
        """Let nothing more of a lane start; what runs is left to end, and other lanes go on.

        A queue's own switch would leave its running jobs out of the pool's count, so its limit is set to 0 instead.

        Args:
            pool: its name.
            lane: name of one of its lanes.
            by: who wants that; None: whoever runs this process.

        Raises:
            UserError: there is no such pool or lane.
            PlatformError: the server is away.
        """
        self._connection.client.update_work_queue(self._queue(pool, lane).id, concurrency_limit=0)
        self._audit.record("lane.pause", by or this_user(), pool=pool, lane=lane)

    @translates_errors
    def resume(self, pool: str, lane: str, by: Actor | None = None) -> None:
        """Let a lane go on, whichever way it was paused.

        Args:
            pool: its name.
            lane: name of one of its lanes.
            by: who wants that; None: whoever runs this process.

        Raises:
            UserError: there is no such pool or lane.
            PlatformError: the server is away.
        """
        self._connection.client.update_work_queue(self._queue(pool, lane).id, concurrency_limit=None, is_paused=False)
        self._audit.record("lane.resume", by or this_user(), pool=pool, lane=lane)

    def _queue(self, pool: str, lane: str) -> WorkQueue:
        queues = self._site.queues()
        if pool not in queues:
            raise no_pool(pool, self._site.pools())
        for queue in queues[pool]:
            if queue.name == lane:
                return queue
        known = tuple(queue.name for queue in queues[pool])
        raise UnknownName(f"The pool {pool} has no lane {lane!r}; it has {', '.join(known)}.", lane, known)
