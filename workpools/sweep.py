"""Runs that nobody works on any more are found and settled: of our own name at the start, of silent workers later."""

from __future__ import annotations

import asyncio
import logging
import uuid
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from prefect.client.orchestration import PrefectClient
from prefect.client.schemas.filters import (
    FlowRunFilter,
    FlowRunFilterEndTime,
    FlowRunFilterState,
    FlowRunFilterStateType,
    WorkPoolFilter,
    WorkPoolFilterName,
)
from prefect.client.schemas.objects import FlowRun, StateType
from prefect.exceptions import ObjectNotFound

from reelmill.scheduling import retries
from workpools.neighbours import Neighbours, silent, sweeper
from workpools.settle import WORKER_LABEL, Settler, retry_limit
from workpools.watch import SERVER_TROUBLE

_PAGE: Final = 200
_LOOK_SECONDS: Final = 15.0

#: What a worker holds, and what it may have left half-settled: killed between a job's failure and its rule.
_HELD: Final = (StateType.RUNNING, StateType.PENDING, StateType.CANCELLING)
_HALF_SETTLED: Final = (StateType.FAILED, StateType.CRASHED)
_HALF_SETTLED_FOR: Final = timedelta(days=1)


class Sweep:
    """Sweeps one pool."""

    def __init__(
        self,
        client: PrefectClient,
        settler: Settler,
        neighbours: Neighbours,
        pool: str,
        worker: str,
        silent_seconds: float,
        logger: logging.Logger | Any,
    ):
        self._client, self._settler, self._neighbours = client, settler, neighbours
        self._pool, self._worker, self._silent, self._logger = pool, worker, silent_seconds, logger
        self._seen_since: float | None = None  # the server, without a break
        self._mourned: set[str] = set()  # silent workers whose half-settled runs were looked at
        self._nameless: dict[uuid.UUID, float] = {}  # claimed by a worker that died before it could say who it was

    async def own(self) -> int:
        """Settle what an earlier worker of our name left; answers how many runs.

        Only before the first run is taken, and while the name is ours alone: see ``presence``.
        """
        runs = await self._held() + await self._half_settled()
        return await self._settle_those(runs, {self._worker}, "The worker was restarted while it ran.")

    async def serve(self, audit: Callable[[], Awaitable[None]]) -> None:
        """Look for silent workers, for ever; ``audit`` is called at each look."""
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(min(_LOOK_SECONDS, self._silent / 2))
            try:
                await audit()
                await self._look(loop.time())
            except SERVER_TROUBLE as error:
                self._seen_since = None
                self._logger.debug("sweeping: the server does not answer: %s", error)

    async def _look(self, now: float) -> None:
        workers = await self._neighbours.workers()
        if self._seen_since is None:
            self._seen_since = now
        # After an absence of the server everybody seems silent until they have had the time to speak again.
        if now - self._seen_since < self._silent or not sweeper(workers, self._worker, self._silent):
            return
        runs = await self._held()
        gone = silent(workers, self._worker, self._silent)
        if gone - self._mourned:
            runs += await self._half_settled()
        self._mourned = gone
        known = {worker.name for worker in workers}
        lost = gone | {_worker(run) for run in runs if _worker(run) not in known | {""}}
        await self._settle_those(runs, lost, "Its worker has not been heard of")
        await self._settle_nameless([run for run in runs if not _worker(run)], now)

    async def _settle_those(self, runs: list[FlowRun], workers: set[str], why: str) -> int:
        found = [run for run in runs if _worker(run) in workers]
        for run in found:
            await self._settle(run, why if why.endswith(".") else f"{why}: {_worker(run)}.")
        return len(found)

    async def _settle_nameless(self, runs: list[FlowRun], now: float) -> None:
        held = {run.id: run for run in runs if run.state is not None and run.state.type in _HELD}
        self._nameless = {run_id: self._nameless.get(run_id, now) for run_id in held}
        for run_id, since in self._nameless.items():
            if now - since > self._silent:
                await self._settle(held[run_id], "The worker that took it ended before it said who it was.")

    async def _settle(self, run: FlowRun, why: str) -> None:
        started = run.state is not None and run.state.type is not StateType.PENDING
        outcome = await self._settler.settle(
            run.id,
            limit=await self._limit(run),
            gone=why,
            rescheduled=None if started else why,  # what never began has not failed
            worker=_worker(run) or None,
            process=run.infrastructure_pid,
        )
        self._logger.info("%s: %s %s", run.name, why, outcome.told)

    async def _limit(self, run: FlowRun) -> int:
        variables: dict[str, Any] = {}
        if run.deployment_id is not None:
            try:
                variables = (await self._client.read_deployment(run.deployment_id)).job_variables or {}
            except ObjectNotFound:
                self._logger.debug("the deployment of %s was deleted", run.name)
        return retry_limit(run.job_variables, variables)

    async def _held(self) -> list[FlowRun]:
        """Runs of the pool that some worker has."""
        return await self._read(FlowRunFilter(state=FlowRunFilterState(type=FlowRunFilterStateType(any_=list(_HELD)))))

    async def _half_settled(self) -> list[FlowRun]:
        """Failures of the last day that no rule gave up on; those that waiting cannot help stay as they are."""
        chosen = FlowRunFilter(
            state=FlowRunFilterState(type=FlowRunFilterStateType(any_=list(_HALF_SETTLED))),
            end_time=FlowRunFilterEndTime(after_=datetime.now(UTC) - _HALF_SETTLED_FOR),
        )
        return [run for run in await self._read(chosen) if retries.DEAD_LETTER not in run.tags]

    async def _read(self, chosen: FlowRunFilter) -> list[FlowRun]:
        pool = WorkPoolFilter(name=WorkPoolFilterName(any_=[self._pool]))
        found: list[FlowRun] = []
        while True:
            page = await self._client.read_flow_runs(
                flow_run_filter=chosen, work_pool_filter=pool, limit=_PAGE, offset=len(found)
            )
            found += page
            if len(page) < _PAGE:
                return found


def _worker(run: FlowRun) -> str:
    return str(run.labels.get(WORKER_LABEL, ""))
