"""Work pools: listed with their lanes, drained."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from prefect.client.schemas.actions import WorkPoolUpdate
from prefect.client.schemas.objects import WorkPool, WorkQueue
from prefect.exceptions import ObjectNotFound

from reelmill.dispatch.audit import Audit
from reelmill.dispatch.runs.control import this_user
from reelmill.dispatch.runs.job_filter import JobFilter, request_body
from reelmill.dispatch.server.connection import Connection, translates_errors
from reelmill.dispatch.server.site_state import SiteState, lane_paused
from reelmill.dispatch.tables.job_reader import JobReader
from reelmill.errors import UnknownName, UserError
from reelmill.queue.actor import Actor
from reelmill.queue.job import JobStatus, priority_of

_WAITING: Final = (JobStatus.PENDING, JobStatus.QUEUED)


@dataclass(frozen=True)
class LaneState:
    """One lane of a pool."""

    name: str
    priority: int | None  # None for a queue of somebody else's
    paused: bool
    waiting: int  # jobs that are due and do not run


@dataclass(frozen=True)
class PoolState:
    """One work pool."""

    name: str
    limit: int | None  # jobs at once over all nodes
    active: int  # slots in use
    drained: bool  # takes nothing new
    waiting: int
    lanes: tuple[LaneState, ...]  # in the order in which they are served


class Pools:
    """What an admin does with whole pools."""

    def __init__(self, connection: Connection, site: SiteState, reader: JobReader, audit: Audit):
        self._connection, self._site, self._reader, self._audit = connection, site, reader, audit

    @translates_errors
    def all(self) -> list[PoolState]:
        """Every pool with its lanes.

        Returns:
            The pools in the order of their names.

        Raises:
            PlatformError: the server is away.
        """
        queues, pools = self._site.queues(), self._site.pools()
        waiting = self._reader.waiting() if self._reader.serves([pool.id for pool in pools.values()]) else None
        return [self._pool_state(pool, queues.get(name, []), waiting) for name, pool in sorted(pools.items())]

    @translates_errors
    def drain(self, pool: str, by: Actor | None = None) -> None:
        """Let a pool take nothing new; what runs is left to end.

        Args:
            pool: its name.
            by: who wants that; None: whoever runs this process.

        Raises:
            UserError: there is no such pool.
            PlatformError: the server is away.
        """
        self._set_paused(pool, True)
        self._audit.record("pool.drain", by or this_user(), pool=pool)

    @translates_errors
    def undrain(self, pool: str, by: Actor | None = None) -> None:
        """Let a pool take jobs again.

        Args:
            pool: its name.
            by: who wants that; None: whoever runs this process.

        Raises:
            UserError: there is no such pool.
            PlatformError: the server is away.
        """
        self._set_paused(pool, False)
        self._audit.record("pool.undrain", by or this_user(), pool=pool)

    def _set_paused(self, pool: str, paused: bool) -> None:
        known = self._site.pools()
        if pool not in known:  # a name that no pool has never becomes a URL
            raise no_pool(pool, known)
        try:
            self._connection.client.update_work_pool(pool, WorkPoolUpdate(is_paused=paused))
        except ObjectNotFound as error:
            raise no_pool(pool, self._site.pools()) from error

    def _pool_state(
        self, pool: WorkPool, queues: Sequence[WorkQueue], counted: Mapping[tuple[str, str], int] | None
    ) -> PoolState:
        by_lane = (
            self._waiting(pool, queues)
            if counted is None
            else {lane: n for (of, lane), n in counted.items() if of == pool.name}
        )
        lanes = tuple(
            LaneState(queue.name, priority_of(queue.name), lane_paused(queue), by_lane.get(queue.name, 0))
            for queue in queues
        )
        active, waiting = pool.active_slots or 0, sum(by_lane.values())
        return PoolState(pool.name, pool.concurrency_limit, active, pool.is_paused, waiting, lanes)

    def _waiting(self, pool: WorkPool, queues: Sequence[WorkQueue]) -> dict[str, int]:
        """How many jobs wait in each lane, by the server's own counting."""
        if not self._count(JobFilter(statuses=_WAITING, pool=pool.name)):
            return {}  # an empty pool is the usual case and costs one question, not eleven
        return {
            queue.name: self._count(JobFilter(statuses=_WAITING, pool=pool.name, lane=queue.name)) for queue in queues
        }

    def _count(self, job_filter: JobFilter) -> int:
        return int(self._connection.post("/flow_runs/count", **request_body(job_filter, self._connection.clock.now())))


def no_pool(pool: str, pools: dict[str, WorkPool]) -> UserError:
    """The error for a name that no pool has.

    Args:
        pool: that name.
        pools: those there are, by name.

    Returns:
        The error, not raised yet.
    """
    known = tuple(sorted(pools))
    return UnknownName(f"There is no pool {pool!r}; there are {', '.join(known)}.", pool, known)
