"""The one worker type of a site: warm, aware of GPU memory, hard to kill. A Prefect worker in all else."""

from __future__ import annotations

import asyncio
import os
import signal
import uuid
from collections.abc import Coroutine
from contextlib import suppress
from typing import Any, ClassVar, Final

import anyio
import anyio.abc
from prefect.client.schemas.filters import DeploymentFilter, WorkPoolFilter, WorkPoolFilterName
from prefect.client.schemas.objects import FlowRun
from prefect.exceptions import InfrastructureNotAvailable, InfrastructureNotFound, ObjectNotFound
from prefect.workers.base import BaseWorker

from reelmill.scheduling.breaker import Breaker
from reelmill.scheduling.node import WorkerFacts
from reelmill.settings import get_settings
from workpools.admission import Admission
from workpools.attempt import Attempt, Tools
from workpools.bell import Bell
from workpools.configuration import WORKER_TYPE, JobConfiguration, JobVariables, Result, job_template
from workpools.machine import Machine
from workpools.neighbours import Neighbours, able, silent, site_has_gpu
from workpools.nursery import Nursery, end_by_identifier
from workpools.pools import needs_gpu
from workpools.presence import Presence
from workpools.settle import Outcome, Settler, until_answered
from workpools.sweep import Sweep
from workpools.watch import SERVER_TROUBLE, Watch

_CLAIM_SECONDS: Final = 10.0
_POLL_AFTER_GIVING_BACK: Final = 5.0  # so that the other machine is first


class ReelmillWorker(BaseWorker[JobConfiguration, JobVariables, Result]):
    """Runs jobs in processes forked from a preloaded server, each admitted to GPU memory first."""

    type: ClassVar[str] = WORKER_TYPE  # type: ignore[misc]  # Prefect's own workers set it so
    job_configuration = JobConfiguration
    job_configuration_variables = JobVariables
    _description = "Runs Reelmill's jobs: warm processes, GPU memory admission, retries that hold no slot."

    @classmethod
    def get_default_base_job_template(cls) -> dict[str, Any]:
        """What Prefect gives a pool of this type that it makes itself, as `prefect work-pool create` does."""
        return job_template()

    def __init__(self, work_pool_name: str, name: str | None = None, limit: int | None = None, **options: Any):
        self._settings = get_settings()
        default = f"{self._settings.node_name}-{work_pool_name}"
        folder = self._settings.worker_dir
        self._presence = Presence(folder, name) if name else Presence.first_free(folder, default)
        super().__init__(
            work_pool_name,
            name=self._presence.name,
            limit=limit or max(1, (os.cpu_count() or 1) // 4),
            **options,
        )
        # Whatever was set for Prefect's workers: a run fetched ahead of its time would sleep inside its slot.
        self._prefetch_seconds = 0.0
        self._attempts: dict[uuid.UUID, Attempt] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._asking = asyncio.Lock()
        self._bell = Bell(self._ask, self._spawn)
        self._hold_off_until = 0.0
        self._draining = False
        self._breaker = Breaker(self._settings.breaker_failures)
        self._left_alone: str | None = None  # why this machine leaves the pool to others
        self._said = ""

    # --- coming up and going down ---------------------------------------------------------------------------------

    async def setup(self) -> None:
        """See ``BaseWorker.setup``; then the machine, what an earlier worker left, and the server of forks."""
        await super().setup()
        if not self._synced():  # the server is still coming up
            await until_answered(super().sync_with_backend, self._logger)
        self._main = asyncio.current_task()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, self._told_to_stop)
        self._watch = Watch(self.client, self._logger)
        self._settler = Settler(self.client, self.name, self._logger)
        self._neighbours = Neighbours(self.client, self._work_pool_name)
        self._admission = Admission(self.client, self._settings, self.name, self._logger)
        self._machine = Machine(self._settings)
        self._nursery = Nursery(await until_answered(self._modules, self._logger))
        self._tools = Tools(
            client=self.client,
            settings=self._settings,
            watch=self._watch,
            admission=self._admission,
            nursery=self._nursery,
            settler=self._settler,
            say=self._say,
            room_elsewhere=self._room_elsewhere,
            large_elsewhere=self._large_elsewhere,
        )
        self._sweep = Sweep(
            self.client, self._settler, self._neighbours, self._work_pool_name, self.name,
            self._settings.silent_seconds, self._logger,
        )  # fmt: skip
        await self._admission.prepare()
        left = await until_answered(self._sweep.own, self._logger)
        if left:
            self._say(f"{left} runs that an earlier worker of this name left were settled")
        await self._nursery.warm_up()
        for endless in (self._watch.serve(), self._admission.keep(), self._sweep.serve(self._admission.audit)):
            self._spawn(endless)
        self._spawn(self._watch.listen(self.work_pool.id, self._bell.news))
        await until_answered(self._tell_facts, self._logger)
        self._say(f"waiting for jobs: {self._why_idle() or self._free()}")

    async def teardown(self, *exc_info: Any) -> None:
        """See ``BaseWorker.teardown``."""
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await super().teardown(*exc_info)
        self._presence.end()

    def _synced(self) -> bool:
        try:
            return self.work_pool is not None
        except RuntimeError:  # how the base class says that it does not know its pool yet
            return False

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._task_ended)

    def _task_ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and task.exception() is not None:
            self._logger.error("a part of the worker failed", exc_info=task.exception())

    async def _modules(self) -> list[str]:
        """The modules of the pool's deployments that can be loaded ahead: those that need no code pulled."""
        chosen = WorkPoolFilter(name=WorkPoolFilterName(any_=[self._work_pool_name]))
        found = await self.client.read_deployments(
            work_pool_filter=chosen, deployment_filter=DeploymentFilter(), limit=200
        )
        entrypoints = [found.entrypoint for found in found if found.entrypoint and not found.pull_steps]
        return sorted({entry.rpartition(".")[0] for entry in entrypoints if ":" not in entry})

    def _told_to_stop(self) -> None:
        if self._draining:
            self._stop_attempts("the worker was stopped")
            return
        self._draining = True
        self._spawn(self._drain())

    async def _drain(self) -> None:
        """Take nothing new, let the jobs end, and stop them once they had their time."""
        self._say(f"draining: {len(self._attempts)} jobs may end within {self._settings.drain_seconds:g} s")
        deadline = asyncio.get_running_loop().time() + self._settings.drain_seconds
        while self._attempts and asyncio.get_running_loop().time() < deadline:
            await asyncio.sleep(0.1)
        self._stop_attempts("the worker was stopped")
        while self._attempts:
            await asyncio.sleep(0.1)
        assert self._main is not None
        self._main.cancel()

    def _stop_attempts(self, why: str) -> None:
        for attempt in self._attempts.values():
            attempt.stop(why)

    # --- taking jobs ----------------------------------------------------------------------------------------------

    async def get_and_submit_flow_runs(self) -> list[FlowRun]:
        """Ask for what is due, unless this worker takes nothing at present; the server's absence is no end."""
        async with self._asking:
            if self._why_idle() is not None or asyncio.get_running_loop().time() < self._hold_off_until:
                return []
            if self.limiter.available_tokens == 0:
                self._say(f"at limit ({len(self._attempts)}/{int(self.limiter.total_tokens)})")
                return []
            try:
                claimed = await super().get_and_submit_flow_runs()
                await self._until_claimed({run.id for run in claimed})
                return claimed
            except SERVER_TROUBLE as error:
                self._say(f"the Prefect server does not answer ({type(error).__name__})")
                return []
            except RuntimeError as error:
                # How the base class meets a run sent back while we still see to the end of its last process.
                self._logger.debug("a run came back before it was let go: %s", error)
                self._bell.ring_again()
                return []

    async def _until_claimed(self, run_ids: set[uuid.UUID]) -> None:
        """Wait until the server counts these runs: asked before, it would give a pool more than its limit."""
        deadline = asyncio.get_running_loop().time() + _CLAIM_SECONDS
        while asyncio.get_running_loop().time() < deadline:
            on_the_way = run_ids & set(self.limiter.statistics().borrowers) - set(self._attempts)
            if not on_the_way:
                return
            await asyncio.sleep(0.01)

    def _why_idle(self) -> str | None:
        if self._draining:
            return "draining"
        return self._left_alone or self._breaker.reason

    async def _ask(self) -> list[FlowRun]:
        if self._draining or self.limiter.available_tokens == 0:
            return []
        return await self.get_and_submit_flow_runs()

    async def run(
        self,
        flow_run: FlowRun,
        configuration: JobConfiguration,
        task_status: anyio.abc.TaskStatus[int] | None = None,
    ) -> Result:
        """One run, from its admission to its settled end; see ``attempt.py``."""
        attempt = Attempt(self._tools, flow_run, configuration, self.get_flow_run_logger(flow_run), task_status)
        self._attempts[flow_run.id] = attempt
        self._say(f"{flow_run.name}: received, {self._free()}")
        try:
            with anyio.CancelScope(shield=True):
                outcome = await attempt.live()
        finally:
            del self._attempts[flow_run.id]
            # The base class frees the slot once we have returned; then the next job may come.
            asyncio.get_running_loop().call_soon(self._bell.ring)
        if outcome.given_back:
            self._hold_off_until = asyncio.get_running_loop().time() + _POLL_AFTER_GIVING_BACK
        self._ended(outcome)
        self._say(f"{flow_run.name}: {outcome.told}; {self._free()}")
        return Result(identifier=str(flow_run.id), status_code=0)

    def _free(self) -> str:
        total = int(self.limiter.total_tokens)
        busy = len(self._attempts)
        return f"at limit ({busy}/{total})" if busy >= total else f"{total - busy} of {total} slots free"

    def _say(self, line: str) -> None:
        if line != self._said:
            self._said = line
            self._logger.info(line)

    # --- the machine and its neighbours ---------------------------------------------------------------------------

    def _ended(self, outcome: Outcome) -> None:
        if outcome.failure is None and not outcome.completed:
            return  # stopped or given back, which says nothing about the machine
        was_open = self._breaker.open
        if outcome.failure is None:
            self._breaker = self._breaker.ended(None)
        else:
            self._breaker = self._breaker.ended(outcome.failure.failure_class, outcome.failure.message)
        if self._breaker.open and not was_open:
            self._say(f"pauses itself: {self._breaker.reason}")
            self._spawn(self._mend())

    async def _mend(self) -> None:
        """Look again and again whether the machine is well, until it is."""
        while self._breaker.open:
            await asyncio.sleep(self._settings.breaker_seconds * self._breaker.patience)
            trouble = await self._machine.trouble()
            self._breaker = self._breaker.probed(trouble)
            self._say(f"still paused: {trouble}" if trouble else "takes jobs again")
        self._bell.ring()

    async def sync_with_backend(self) -> None:
        """See ``BaseWorker.sync_with_backend``; our own facts go along."""
        try:
            await super().sync_with_backend()
            if self.is_setup:
                await self._tell_facts()
        except SERVER_TROUBLE as error:
            if not self.is_setup:
                raise
            self._say(f"the Prefect server does not answer ({type(error).__name__})")

    async def _tell_facts(self) -> None:
        facts = await self._neighbours.facts()
        living = await self._living()
        if needs_gpu(self._work_pool_name):
            self._left_alone = self._machine.left_alone(self._admission.virtual, site_has_gpu(facts, living))
        await self._neighbours.tell(await self._facts())

    async def _facts(self) -> WorkerFacts:
        return WorkerFacts(
            worker=self.name,
            node=self._settings.node_name,
            pool=self._work_pool_name,
            max_jobs=int(self.limiter.total_tokens),
            active_jobs=len(self._attempts),
            paused=self._why_idle(),
            vram=self._admission.budgets,
            hardware=await self._machine.hardware(),
            load=await self._machine.load(),
        )

    async def _living(self) -> set[str]:
        workers = await self._neighbours.workers()
        return {worker.name for worker in workers} - silent(workers, self.name, self._settings.silent_seconds)

    async def _room_elsewhere(self, need_mb: int) -> bool:
        taken = {limit.name: limit.active_slots for limit in await self._neighbours.limits()}
        return able(await self._neighbours.facts(), await self._living(), await self._facts(), need_mb, taken)

    async def _large_elsewhere(self, need_mb: int) -> bool:
        return able(await self._neighbours.facts(), await self._living(), await self._facts(), need_mb)

    async def kill_infrastructure(
        self, infrastructure_pid: str, configuration: JobConfiguration, grace_seconds: int = 30
    ) -> None:
        """End a run's process group on this machine.

        Raises:
            InfrastructureNotFound: it has ended already.
            InfrastructureNotAvailable: it runs on another machine.
        """
        with suppress(ObjectNotFound):
            try:
                ended = end_by_identifier(infrastructure_pid)
            except ValueError as error:
                raise InfrastructureNotAvailable(str(error)) from error
            if not ended:
                raise InfrastructureNotFound(f"{infrastructure_pid} has ended already.")
