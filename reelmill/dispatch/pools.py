"""Lanes and pools: paused, drained, counted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from prefect.client.schemas.actions import WorkPoolUpdate
from prefect.client.schemas.objects import WorkPool, WorkQueue
from prefect.exceptions import ObjectNotFound

from reelmill import jobs
from reelmill.dispatch.connection import told
from reelmill.dispatch.filters import Asked, wanted
from reelmill.dispatch.present import Present, lane_paused
from reelmill.errors import UserError
from reelmill.jobs import JobStatus

_WAITING = (JobStatus.PENDING, JobStatus.QUEUED)


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
    limit: int | None  # jobs at once over all machines
    active: int  # slots taken
    drained: bool  # takes nothing new
    waiting: int
    lanes: tuple[LaneState, ...]  # in the order in which they are served


class Pools(Present):
    """What an admin does with whole lanes and pools."""

    @told
    def lanes(self) -> Sequence[PoolState]:
        """Every pool with its lanes.

        Raises:
            PlatformError: the server is away.
        """
        queues = self._queues()
        return [self._pool_state(pool, queues.get(name, [])) for name, pool in sorted(self._pools().items())]

    @told
    def pause_lane(self, pool: str, lane: str) -> None:
        """Let nothing more of a lane start; what runs is left to end, and other lanes go on.

        A queue's own switch would leave its running jobs out of the pool's count, so its limit is set to 0 instead.

        Raises:
            UserError: there is no such pool or lane.
            PlatformError: the server is away.
        """
        self._client.update_work_queue(self._queue(pool, lane).id, concurrency_limit=0)

    @told
    def resume_lane(self, pool: str, lane: str) -> None:
        """Let a lane go on, whichever way it was paused.

        Raises:
            UserError: there is no such pool or lane.
            PlatformError: the server is away.
        """
        self._client.update_work_queue(self._queue(pool, lane).id, concurrency_limit=None, is_paused=False)

    @told
    def drain(self, pool: str) -> None:
        """Let a pool take nothing new; what runs is left to end.

        Raises:
            UserError: there is no such pool.
            PlatformError: the server is away.
        """
        self._set_paused(pool, True)

    @told
    def undrain(self, pool: str) -> None:
        """Let a pool take jobs again.

        Raises:
            UserError: there is no such pool.
            PlatformError: the server is away.
        """
        self._set_paused(pool, False)

    def _set_paused(self, pool: str, paused: bool) -> None:
        try:
            self._client.update_work_pool(pool, WorkPoolUpdate(is_paused=paused))
        except ObjectNotFound as error:
            raise self._no_pool(pool) from error

    def _queue(self, pool: str, lane: str) -> WorkQueue:
        queues = self._queues()
        if pool not in queues:
            raise self._no_pool(pool)
        for queue in queues[pool]:
            if queue.name == lane:
                return queue
        raise UserError(f"The pool {pool} has no lane {lane!r}; it has {', '.join(q.name for q in queues[pool])}.")

    def _no_pool(self, pool: str) -> UserError:
        return UserError(f"There is no pool {pool!r}; there are {', '.join(sorted(self._pools()))}.")

    def _pool_state(self, pool: WorkPool, queues: Sequence[WorkQueue]) -> PoolState:
        waiting = self._count(Asked(statuses=_WAITING, pool=pool.name))
        lanes = tuple(
            LaneState(
                name=queue.name,
                priority=jobs.priority_of(queue.name),
                paused=lane_paused(queue),
                # An empty pool is the usual case and costs one question, not eleven.
                waiting=self._count(Asked(statuses=_WAITING, pool=pool.name, lane=queue.name)) if waiting else 0,
            )
            for queue in queues
        )
        return PoolState(pool.name, pool.concurrency_limit, pool.active_slots or 0, pool.is_paused, waiting, lanes)

    def _count(self, asked: Asked) -> int:
        body: dict[str, Any] = wanted(asked, datetime.now(UTC))
        return int(self._ask("/flow_runs/count", **body))
