"""How pools, lanes and workers are at this moment: a handful of questions, however many jobs are explained by it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from functools import cached_property

from prefect.client.schemas.objects import Worker, WorkPool, WorkQueue

from reelmill.dispatch.server.connection import Connection, read_pages
from reelmill.parallel import begin
from reelmill.queue.waiting_reason import PoolNow, WorkerNow
from reelmill.queue.worker_facts import VARIABLE_PREFIX, WorkerFacts, variable_name


class SiteState:
    """Reads the site's present state."""

    def __init__(self, connection: Connection):
        self._connection = connection

    def pools(self) -> dict[str, WorkPool]:
        """Every pool by its name."""
        read = self._connection.client.read_work_pools
        return {pool.name: pool for pool in read_pages(lambda limit, offset: read(limit=limit, offset=offset))}

    def queues(self) -> dict[str, list[WorkQueue]]:
        """Every queue by its pool, in the order in which they are served."""
        read = self._connection.client.read_work_queues
        by_pool: dict[str, list[WorkQueue]] = {}
        for queue in read_pages(lambda limit, offset: read(limit=limit, offset=offset)):
            by_pool.setdefault(queue.work_pool_name or "", []).append(queue)
        return {pool: sorted(queues, key=lambda queue: queue.priority) for pool, queues in by_pool.items()}

    def workers(self, pool: str) -> list[Worker]:
        """Every worker that a pool has, or had."""
        return self._connection.client.read_workers_for_work_pool(pool)

    def worker_facts(self) -> dict[str, WorkerFacts]:
        """The facts that each worker publishes, by its variable's name; those of workers that are gone among them."""
        body = {"variables": {"name": {"like_": VARIABLE_PREFIX}}}
        post = self._connection.post
        variables = read_pages(lambda limit, offset: post("/variables/filter", **body, limit=limit, offset=offset))
        facts: dict[str, WorkerFacts] = {}
        for variable in variables:
            with suppress(ValueError):  # not even a worker's name in it: that worker is shown without facts
                facts[variable["name"]] = WorkerFacts.from_json(variable["value"])
        return facts

    def pools_now(self, names: Iterable[str]) -> dict[str, PoolNow]:
        """Those of these pools that exist, by name, with their lanes and workers."""
        pools, queues, facts = self.pools(), self.queues(), self.worker_facts()
        return {
            name: PoolNow(
                name=name,
                limit=pools[name].concurrency_limit,
                active=pools[name].active_slots or 0,
                paused=pools[name].is_paused,
                paused_lanes=frozenset(queue.name for queue in queues.get(name, []) if lane_paused(queue)),
                workers=tuple(_worker_now(worker, facts) for worker in self.workers(name) if online(worker)),
            )
            for name in names
            if name in pools
        }


class SiteReading(SiteState):
    """The same state, each list of it read once and all of them side by side: for one look at the whole site.

    Args:
        connection: to the site's server.
        threads: four or more, which read the lists.
    """

    def __init__(self, connection: Connection, threads: ThreadPoolExecutor):
        super().__init__(connection)
        self._threads = threads
        self._pools = begin(threads, super().pools)
        self._queues = begin(threads, super().queues)
        self._facts = begin(threads, super().worker_facts)

    def pools(self) -> dict[str, WorkPool]:
        """See ``SiteState.pools``."""
        return self._pools.result()

    def queues(self) -> dict[str, list[WorkQueue]]:
        """See ``SiteState.queues``."""
        return self._queues.result()

    def worker_facts(self) -> dict[str, WorkerFacts]:
        """See ``SiteState.worker_facts``."""
        return self._facts.result()

    def workers(self, pool: str) -> list[Worker]:
        """See ``SiteState.workers``."""
        return self._workers[pool].result()

    @cached_property
    def _workers(self) -> dict[str, Future[list[Worker]]]:
        """Begun as soon as the pools are known."""
        return {pool: begin(self._threads, super(SiteReading, self).workers, pool) for pool in self.pools()}


def lane_paused(queue: WorkQueue) -> bool:
    """Whether a lane takes nothing: by our own way (a limit of 0), or by the switch in Prefect's UI."""
    return queue.is_paused or queue.concurrency_limit == 0


def online(worker: Worker) -> bool:
    """Whether a worker has been heard of lately, by the server's own rule."""
    return worker.status is not None and str(getattr(worker.status, "value", worker.status)) == "ONLINE"


def _worker_now(worker: Worker, facts: Mapping[str, WorkerFacts]) -> WorkerNow:
    known = facts.get(variable_name(worker.name))
    if known is None:
        return WorkerNow(worker.name, max_jobs=None, active_jobs=0, paused=None)
    return WorkerNow(worker.name, known.max_jobs, known.active_jobs, known.paused)
