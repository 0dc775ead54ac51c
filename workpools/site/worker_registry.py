"""The workers of the site: which are alive, which have room, and the facts that each publishes of itself."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial
from http import HTTPStatus
from typing import Any, Final

import httpx
from prefect.client.orchestration import PrefectClient
from prefect.client.schemas.actions import VariableCreate, VariableUpdate
from prefect.client.schemas.filters import VariableFilter, VariableFilterName
from prefect.client.schemas.responses import GlobalConcurrencyLimitResponse
from prefect.exceptions import ObjectNotFound

from reelmill.clock import SYSTEM, Clock
from reelmill.queue.worker_facts import VARIABLE_PREFIX, WorkerFacts, variable_name
from workpools.server_calls import all_pages

#: Seconds between two publications of facts in which only the load has changed, as it always has. Said at every
#: heartbeat it was a sixth of all requests that an idle site's server got.
_LOAD_SECONDS: Final = 30.0


@dataclass(frozen=True)
class RegisteredWorker:
    """One worker of a pool, and its last heartbeat."""

    name: str
    heartbeat: datetime


class WorkerRegistry:
    """Reads and writes what workers publish of themselves on the server."""

    def __init__(self, client: PrefectClient, pool: str, logger: logging.Logger | Any, clock: Clock = SYSTEM):
        self._client, self._pool, self._logger, self._clock = client, pool, logger, clock
        self._published: WorkerFacts | None = None
        self._load_due = 0.0  # by the monotonic clock
        self._unreadable: set[str] = set()  # variables that were logged already

    async def publish(self, facts: WorkerFacts) -> None:
        """Put our own facts on the server: at once where anything but the load has changed, else now and then."""
        if not self._is_due(facts):
            return
        name, content = variable_name(facts.worker), facts.to_json()
        try:
            await self._client.update_variable(VariableUpdate(name=name, value=content))
        except httpx.HTTPStatusError as error:
            if error.response.status_code != HTTPStatus.NOT_FOUND:
                raise
            await self._client.create_variable(VariableCreate(name=name, value=content))
        self._published, self._load_due = facts, self._clock.monotonic() + _LOAD_SECONDS

    def _is_due(self, facts: WorkerFacts) -> bool:
        before = self._published
        if before is None or replace(facts, load=before.load) != before:
            return True
        return facts != before and self._clock.monotonic() >= self._load_due

    async def facts(self) -> list[WorkerFacts]:
        """Of every worker of the site, the dead included; what cannot be read is named once and skipped."""
        found = []
        for variable in await self._variables():
            try:
                found.append(WorkerFacts.from_json(variable["value"]))
            except ValueError as error:
                if variable["name"] not in self._unreadable:
                    self._unreadable.add(variable["name"])
                    self._logger.warning("the variable %s is skipped: %s", variable["name"], error)
        return found

    async def remove_dead(self, us: str, seconds: float) -> list[str]:
        """Remove the variables of workers that are gone for good, readable or not.

        Args:
            us: the worker that asks, whose own last heartbeat is the measure.
            seconds: how long a variable must be unchanged, and its worker unheard of, in whatever pool.

        Returns:
            The names of those removed.
        """
        ours = next((worker.heartbeat for worker in await self.workers() if worker.name == us), None)
        if ours is None:
            return []
        before = ours - timedelta(seconds=seconds)
        old = {variable["name"] for variable in await self._variables() if _updated(variable) < before}
        for pool in await all_pages(self._client.read_work_pools) if old else []:
            heard = await self.workers(pool.name)
            old -= {variable_name(worker.name) for worker in heard if worker.heartbeat >= before}
        for name in old:
            with suppress(ObjectNotFound):  # another pool's worker was quicker
                await self._client.delete_variable_by_name(name)
        return sorted(old)

    async def _variables(self) -> list[dict[str, Any]]:
        """The variables of workers, as the server sends them."""
        chosen = VariableFilter(name=VariableFilterName(like_=VARIABLE_PREFIX)).model_dump(mode="json")

        async def read(*, limit: int, offset: int) -> list[dict[str, Any]]:
            body = {"variables": chosen, "limit": limit, "offset": offset}
            page: list[dict[str, Any]] = (await self._client.request("POST", "/variables/filter", json=body)).json()
            return page

        return await all_pages(read)

    async def workers(self, pool: str | None = None) -> list[RegisteredWorker]:
        """The workers of a pool, ours unless another is named."""
        found = await all_pages(partial(self._client.read_workers_for_work_pool, pool or self._pool))
        return [
            RegisteredWorker(worker.name, worker.last_heartbeat_time) for worker in found if worker.last_heartbeat_time
        ]

    async def limits(self) -> list[GlobalConcurrencyLimitResponse]:
        """Every budget of the site."""
        return await all_pages(self._client.read_global_concurrency_limits)


def _updated(variable: Mapping[str, Any]) -> datetime:
    return datetime.fromisoformat(variable["updated"])


def silent(workers: Sequence[RegisteredWorker], us: str, seconds: float) -> set[str]:
    """Those unheard of for so long before our own last heartbeat, which takes the clocks of all nodes out of it."""
    ours = next((worker.heartbeat for worker in workers if worker.name == us), None)
    if ours is None:
        return set()
    return {worker.name for worker in workers if ours - worker.heartbeat > timedelta(seconds=seconds)}


def is_rescuer(workers: Sequence[RegisteredWorker], us: str, seconds: float) -> bool:
    """Whether the rescue is ours: the first by name of those alive does it, so that no run is rescued twice."""
    living = {worker.name for worker in workers} - silent(workers, us, seconds)
    return us == min(living, default="")


def another_node_fits(
    facts: Iterable[WorkerFacts],
    living: set[str],
    us: WorkerFacts,
    need_mb: int,
    taken_mb: dict[str, int] | None = None,
) -> bool:
    """Whether a worker of our pool on another node could take a job of this need.

    Args:
        facts: of every worker.
        living: names of those alive.
        us: our own facts.
        need_mb: what the job needs.
        taken_mb: what is leased of each budget by now; None asks whether it could ever, not whether it can now.

    Returns:
        Whether one could.
    """
    for other in facts:
        if other.pool != us.pool or other.node == us.node or other.worker not in living or other.paused:
            continue
        if taken_mb is None:
            if any(gpu.total_mb >= need_mb for gpu in other.vram):
                return True
        elif other.active_jobs < other.max_jobs and any(
            gpu.total_mb - taken_mb.get(gpu.limit_name, 0) >= need_mb for gpu in other.vram
        ):
            return True
    return False


def site_has_gpu(facts: Iterable[WorkerFacts], living: set[str]) -> bool:
    """Whether any living worker of the site has a real GPU."""
    return any(gpu.device != "virtual" for other in facts if other.worker in living for gpu in other.vram)
