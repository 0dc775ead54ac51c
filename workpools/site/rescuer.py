"""The rescue of runs that nobody works on any more: those of our own name, and of workers that fell silent."""

from __future__ import annotations

import asyncio
import logging
import uuid
from collections.abc import Awaitable, Callable, Set
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
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

from reelmill.queue import retry_policy
from reelmill.queue.job_variables import form_defaults
from workpools.guard import guarded
from workpools.processes.forkserver import end_by_identifier
from workpools.run.finalizer import WORKER_LABEL, Finalizer, retry_limit
from workpools.server_calls import absent, all_pages
from workpools.site.worker_registry import WorkerRegistry, is_rescuer, silent

_PERIOD_SECONDS: Final = 15.0
_STRAY_SECONDS: Final = 10.0  # far longer than from PENDING to the label of the worker that took a run
_FORGET_SECONDS: Final = 7 * 24 * 3600.0  # a worker unheard of for so long does not come back by itself
_FORGET_AGAIN_SECONDS: Final = 3600.0

#: States of runs that a worker has, and of those it may have left half-settled: killed between a failure and its rule.
_CLAIMED: Final = (StateType.RUNNING, StateType.PENDING, StateType.CANCELLING)
_HALF_SETTLED: Final = (StateType.FAILED, StateType.CRASHED)
_HALF_SETTLED_FOR: Final = timedelta(days=1)


@dataclass(frozen=True)
class WorkerIdentity:
    """Whose rescuer it is, and by what it takes other workers for dead."""

    worker: str
    pool: str
    silent_seconds: float  # unheard of for longer than this, a worker is dead


class Rescuer:
    """Rescues the runs of one pool."""

    def __init__(
        self,
        client: PrefectClient,
        finalizer: Finalizer,
        registry: WorkerRegistry,
        us: WorkerIdentity,
        logger: logging.Logger | Any,
    ):
        self._client, self._finalizer, self._registry = client, finalizer, registry
        self._pool, self._worker, self._silent, self._logger = us.pool, us.worker, us.silent_seconds, logger
        self._seen_since: float | None = None  # the server, without a break
        self._examined: set[str] = set()  # silent workers whose half-settled runs were examined
        self._nameless: dict[uuid.UUID, float] = {}  # claimed by a worker that died before it put its name on them
        self._strays: dict[tuple[uuid.UUID, uuid.UUID | None], float] = {}  # ours in name only; by run and state
        self._forget_at = 0.0

    async def settle_own(self) -> int:
        """Settle what an earlier worker of our name left.

        Only before the first run is taken, and while the name is ours alone: see ``worker_lock``.

        Returns:
            How many runs that were.
        """
        runs = await self._claimed() + await self._half_settled()
        return await self._settle_those(runs, {self._worker}, "The worker was restarted while it ran.")

    async def serve(self, audit: Callable[[], Awaitable[None]], at_work: Callable[[], Set[uuid.UUID]]) -> None:
        """Rescue runs that nobody works on, for ever.

        Args:
            audit: called at each round.
            at_work: the runs that this worker has in hand at the moment.
        """
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(min(_PERIOD_SECONDS, self._silent / 2))
            for step in (audit, lambda: self.settle_strays(at_work, loop.time()), lambda: self._rescue(loop.time())):
                failure = await guarded(step())
                if absent(failure):
                    self._seen_since = None
                    self._logger.debug("rescuing: the server does not answer: %s", failure)
                elif failure is not None:
                    self._logger.error("a part of the rescue failed", exc_info=failure)

    async def settle_strays(self, at_work: Callable[[], Set[uuid.UUID]], now: float) -> None:
        """Settle runs that bear our name and that we do not have in hand: something failed between.

        Only those that stand so for a while: another worker that takes a run puts its name on it a moment later.

        Args:
            at_work: the runs that this worker has in hand at the moment.
            now: of the event loop's clock, in seconds.

        Raises:
            httpx.HTTPError: the server does not answer.
        """
        ours = [run for run in await self._claimed() if _worker(run) == self._worker]
        found = {(run.id, run.state_id): run for run in ours if run.id not in at_work()}
        self._strays = {key: self._strays.get(key, now) for key in found}
        for key, since in list(self._strays.items()):
            if now - since >= _STRAY_SECONDS:
                await self._end_process(found[key])
                await self._settle_one(found[key], "Its worker lost hold of it.", counts=True)

    async def _end_process(self, run: FlowRun) -> None:
        if run.infrastructure_pid is not None:
            with suppress(ValueError):  # not one of ours
                end_by_identifier(run.infrastructure_pid)

    async def _rescue(self, now: float) -> None:
        workers = await self._registry.workers()
        if self._seen_since is None:
            self._seen_since = now
        # After an absence of the server everybody seems silent until they have had the time to speak again.
        if now - self._seen_since < self._silent or not is_rescuer(workers, self._worker, self._silent):
            return
        runs = await self._claimed()
        gone = silent(workers, self._worker, self._silent)
        if gone - self._examined:
            runs += await self._half_settled()
        self._examined = gone
        known = {worker.name for worker in workers}
        lost = gone | {_worker(run) for run in runs if _worker(run) not in known | {""}}
        await self._settle_those(runs, lost, "Its worker has not been heard of")
        await self._settle_nameless([run for run in runs if not _worker(run)], now)
        if now >= self._forget_at:
            self._forget_at = now + _FORGET_AGAIN_SECONDS
            for name in await self._registry.remove_dead(self._worker, _FORGET_SECONDS):
                self._logger.info("the variable %s was removed: its worker is gone for good", name)

    async def _settle_those(self, runs: list[FlowRun], workers: set[str], why: str) -> int:
        found = [run for run in runs if _worker(run) in workers]
        for run in found:
            await self._settle_one(run, why if why.endswith(".") else f"{why}: {_worker(run)}.")
        return len(found)

    async def _settle_nameless(self, runs: list[FlowRun], now: float) -> None:
        nameless = {run.id: run for run in runs if run.state is not None and run.state.type in _CLAIMED}
        self._nameless = {run_id: self._nameless.get(run_id, now) for run_id in nameless}
        for run_id, since in self._nameless.items():
            if now - since > self._silent:
                await self._settle_one(nameless[run_id], "The worker that took it ended before it put its name on it.")

    async def _settle_one(self, run: FlowRun, why: str, *, counts: bool = False) -> None:
        """Settle one run; a failure does not keep the others from being settled."""
        failure = await guarded(self._settle(run, why, counts=counts))
        if failure is not None and absent(failure):
            raise failure
        if failure is not None:
            self._logger.error("%s could not be settled", run.name, exc_info=failure)

    async def _settle(self, run: FlowRun, why: str, *, counts: bool) -> None:
        started = run.state is not None and run.state.type is not StateType.PENDING
        settled = await self._finalizer.settle(
            run.id,
            limit=await self._limit(run),
            gone=why,
            # What never began has not failed, unless the fault is ours: it would be begun and lost for ever.
            rescheduled=None if started or counts else why,
            worker=_worker(run) or None,
            process=run.infrastructure_pid,
        )
        self._logger.info("%s: %s %s", run.name, why, settled.summary)

    async def _limit(self, run: FlowRun) -> int:
        variables: dict[str, Any] = {}
        if run.deployment_id is not None:
            try:
                variables = (await self._client.read_deployment(run.deployment_id)).job_variables or {}
            except ObjectNotFound:
                self._logger.debug("the deployment of %s was deleted", run.name)
        return retry_limit(run.job_variables, variables, await self._form_defaults(run.work_pool_name))

    async def _form_defaults(self, pool: str | None) -> dict[str, Any]:
        try:
            return form_defaults((await self._client.read_work_pool(pool)).base_job_template) if pool else {}
        except ObjectNotFound:
            self._logger.debug("the pool %s was deleted", pool)
            return {}

    async def _claimed(self) -> list[FlowRun]:
        """Runs of the pool that some worker has."""
        return await self._read(
            FlowRunFilter(state=FlowRunFilterState(type=FlowRunFilterStateType(any_=list(_CLAIMED))))
        )

    async def _half_settled(self) -> list[FlowRun]:
        """Failures of the last day that no rule gave up on; those that waiting cannot help stay as they are."""
        chosen = FlowRunFilter(
            state=FlowRunFilterState(type=FlowRunFilterStateType(any_=list(_HALF_SETTLED))),
            end_time=FlowRunFilterEndTime(after_=datetime.now(UTC) - _HALF_SETTLED_FOR),
        )
        return [run for run in await self._read(chosen) if retry_policy.DEAD_LETTER not in run.tags]

    async def _read(self, chosen: FlowRunFilter) -> list[FlowRun]:
        pool = WorkPoolFilter(name=WorkPoolFilterName(any_=[self._pool]))
        return await all_pages(partial(self._client.read_flow_runs, flow_run_filter=chosen, work_pool_filter=pool))


def _worker(run: FlowRun) -> str:
    return str(run.labels.get(WORKER_LABEL, ""))
