"""Work pools: listed with their lanes, drained."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from prefect.client.schemas.actions import WorkPoolUpdate
from prefect.client.schemas.objects import WorkPool, WorkQueue
from prefect.exceptions import ObjectNotFound

from reelmill.dispatch.connection import Connection, translates_errors
from reelmill.dispatch.job_filter import JobFilter, request_body
from reelmill.dispatch.site_state import SiteState, lane_paused
from reelmill.errors import UnknownName, UserError
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

    def __init__(self, connection: Connection, site: SiteState):
        self._connection, self._site = connection, site

    @translates_errors
    def all(self) -> list[PoolState]:
        """Every pool with its lanes.

        Returns:
            The pools in the order of their names.

        Raises:
            PlatformError: the server is away.
        """
        queues = self._site.queues()
        return [self._pool_state(pool, queues.get(name, [])) for name, pool in sorted(self._site.pools().items())]

    @translates_errors
    def drain(self, pool: str) -> None:
        """Let a pool take nothing new; what runs is left to end.

        Args:
            pool: its name.

        Raises:
            UserError: there is no such pool.
            PlatformError: the server is away.
        """
        self._set_paused(pool, True)

    @translates_errors
    def undrain(self, pool: str) -> None:
        """Let a pool take jobs again.

        Args:
            pool: its name.

        Raises:
            UserError: there is no such pool.
            PlatformError: the server is away.
        """
        self._set_paused(pool, False)

    def _set_paused(self, pool: str, paused: bool) -> None:
        try:
            self._connection.client.update_work_pool(pool, WorkPoolUpdate(is_paused=paused))
        except ObjectNotFound as error:
            raise no_pool(pool, self._site.pools()) from error

    def _pool_state(self, pool: WorkPool, queues: Sequence[WorkQueue]) -> PoolState:
        waiting = self._count(JobFilter(statuses=_WAITING, pool=pool.name))
        lanes = tuple(
            LaneState(
                name=queue.name,
                priority=priority_of(queue.name),
                paused=lane_paused(queue),
                # An empty pool is the usual case and costs one question, not eleven.
                waiting=self._count(JobFilter(statuses=_WAITING, pool=pool.name, lane=queue.name)) if waiting else 0,
            )
            for queue in queues
        )
        return PoolState(pool.name, pool.concurrency_limit, pool.active_slots or 0, pool.is_paused, waiting, lanes)

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
