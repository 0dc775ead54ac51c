"""How pools, lanes and workers are at this moment: a handful of questions, however many jobs are explained by it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from prefect.client.schemas.objects import Worker, WorkPool, WorkQueue

from reelmill.dispatch.connection import PAGE, Connection
from reelmill.scheduling.node import VARIABLE_PREFIX, WorkerFacts, variable_name
from reelmill.waiting import PoolNow, WorkerNow


class Present(Connection):
    """Reading the site's present state."""

    def _pools(self) -> dict[str, WorkPool]:
        return {pool.name: pool for pool in self._client.read_work_pools(limit=PAGE)}

    def _queues(self) -> dict[str, list[WorkQueue]]:
        """Every queue by its pool, in the order in which they are served."""
        found: dict[str, list[WorkQueue]] = {}
        for queue in self._client.read_work_queues(limit=PAGE):
            found.setdefault(queue.work_pool_name or "", []).append(queue)
        return {pool: sorted(queues, key=lambda queue: queue.priority) for pool, queues in found.items()}

    def _workers(self, pool: str) -> list[Worker]:
        return self._client.read_workers_for_work_pool(pool)

    def _worker_facts(self) -> dict[str, WorkerFacts]:
        """What each worker tells about itself, by its variable's name; the word of one that is gone is among them."""
        found: dict[str, WorkerFacts] = {}
        body = {"variables": {"name": {"like_": VARIABLE_PREFIX}}, "limit": PAGE}
        for variable in self._ask("/variables/filter", **body):
            facts = _facts(variable["value"])
            if facts is not None:
                found[variable["name"]] = facts
        return found

    def _pools_now(self, names: Iterable[str]) -> dict[str, PoolNow]:
        pools, queues, facts = self._pools(), self._queues(), self._worker_facts()
        return {
            name: PoolNow(
                name=name,
                limit=pools[name].concurrency_limit,
                active=pools[name].active_slots or 0,
                paused=pools[name].is_paused,
                paused_lanes=frozenset(queue.name for queue in queues.get(name, []) if lane_paused(queue)),
                workers=tuple(_now(worker, facts) for worker in self._workers(name) if online(worker)),
            )
            for name in names
            if name in pools
        }


def lane_paused(queue: WorkQueue) -> bool:
    """Whether a lane takes nothing: by our own way (a limit of 0), or by the switch in Prefect's UI."""
    return queue.is_paused or queue.concurrency_limit == 0


def online(worker: Worker) -> bool:
    """Whether a worker has been heard of lately, by the server's own rule."""
    return worker.status is not None and str(getattr(worker.status, "value", worker.status)) == "ONLINE"


def _now(worker: Worker, facts: Mapping[str, WorkerFacts]) -> WorkerNow:
    said = facts.get(variable_name(worker.name))
    if said is None:
        return WorkerNow(worker.name, max_jobs=None, active_jobs=0, paused=None)
    return WorkerNow(worker.name, said.max_jobs, said.active_jobs, said.paused)


def _facts(kept: Any) -> WorkerFacts | None:
    """A variable's value, unless a worker of another version wrote it."""
    try:
        return WorkerFacts.from_json(kept)
    except (TypeError, KeyError):
        return None
