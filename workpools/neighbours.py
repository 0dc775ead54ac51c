"""The other workers of the site: who is alive, who has room, and whose jobs are nobody's any more."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from prefect.client.orchestration import PrefectClient
from prefect.client.schemas.actions import VariableCreate, VariableUpdate
from prefect.client.schemas.filters import VariableFilter, VariableFilterName
from prefect.client.schemas.objects import Worker
from prefect.client.schemas.responses import GlobalConcurrencyLimitResponse

from reelmill.scheduling.node import VARIABLE_PREFIX, WorkerFacts, variable_name

_PAGE = 200


@dataclass(frozen=True)
class Neighbour:
    """One worker of our pool, as the server last heard of it."""

    name: str
    heard: datetime


class Neighbours:
    """Reads and writes what workers tell each other through the server."""

    def __init__(self, client: PrefectClient, pool: str):
        self._client, self._pool = client, pool
        self._told: dict[str, Any] | None = None

    async def tell(self, facts: WorkerFacts) -> None:
        """Keep our own facts with the server, if they have changed."""
        told = facts.to_json()
        if told == self._told:
            return
        name = variable_name(facts.worker)
        if await self._client.read_variable_by_name(name) is None:
            await self._client.create_variable(VariableCreate(name=name, value=told))
        else:
            await self._client.update_variable(VariableUpdate(name=name, value=told))
        self._told = told

    async def facts(self) -> list[WorkerFacts]:
        """Of every worker of the site that ever was, the dead included."""
        chosen = VariableFilter(name=VariableFilterName(like_=VARIABLE_PREFIX))
        answer = await self._client.request(
            "POST", "/variables/filter", json={"variables": chosen.model_dump(mode="json"), "limit": _PAGE}
        )
        return [WorkerFacts.from_json(_value(kept["value"])) for kept in answer.json()]

    async def workers(self) -> list[Neighbour]:
        """Of our pool."""
        found: list[Worker] = await self._client.read_workers_for_work_pool(self._pool, limit=_PAGE)
        return [Neighbour(worker.name, worker.last_heartbeat_time) for worker in found if worker.last_heartbeat_time]

    async def limits(self) -> list[GlobalConcurrencyLimitResponse]:
        """Every budget of the site."""
        return await self._client.read_global_concurrency_limits(limit=_PAGE)


def _value(kept: Any) -> Any:
    return json.loads(kept) if isinstance(kept, str) else kept


def silent(workers: Sequence[Neighbour], us: str, seconds: float) -> set[str]:
    """Those unheard of for so long before our own last word, which takes the clocks of all machines out of it."""
    ours = next((worker.heard for worker in workers if worker.name == us), None)
    if ours is None:
        return set()
    return {worker.name for worker in workers if ours - worker.heard > timedelta(seconds=seconds)}


def sweeper(workers: Sequence[Neighbour], us: str, seconds: float) -> bool:
    """Whether the sweep is ours: the first by name of those alive does it, so that none is swept twice."""
    living = {worker.name for worker in workers} - silent(workers, us, seconds)
    return us == min(living, default="")


def able(
    facts: Iterable[WorkerFacts],
    living: set[str],
    us: WorkerFacts,
    need_mb: int,
    taken_mb: dict[str, int] | None = None,
) -> bool:
    """Whether a worker of our pool on another machine could take a job of this need.

    Args:
        facts: of every worker.
        living: names of those alive.
        us: our own facts.
        need_mb: what the job needs.
        taken_mb: what is leased of each budget by now; None asks whether it could ever, not whether it can now.
    """
    for other in facts:
        if other.pool != us.pool or other.node == us.node or other.worker not in living or other.paused:
            continue
        if taken_mb is None:
            if any(card.total_mb >= need_mb for card in other.vram):
                return True
        elif other.active_jobs < other.max_jobs and any(
            card.total_mb - taken_mb.get(card.limit_name, 0) >= need_mb for card in other.vram
        ):
            return True
    return False


def site_has_gpu(facts: Iterable[WorkerFacts], living: set[str]) -> bool:
    """Whether any living worker of the site has a real card."""
    return any(card.device != "virtual" for other in facts if other.worker in living for card in other.vram)
