"""The one worker type of a site: warm, aware of GPU memory, hard to kill. A Prefect worker in all else."""

from __future__ import annotations

import asyncio
import os
import signal
import uuid
from contextlib import suppress
from datetime import UTC, datetime
from functools import partial
from typing import Any, ClassVar, Final

import anyio
import anyio.abc
from prefect.client.schemas.objects import FlowRun
from prefect.client.schemas.responses import WorkerFlowRunResponse
from prefect.exceptions import InfrastructureNotAvailable, InfrastructureNotFound, ObjectNotFound
from prefect.workers.base import BaseWorker, BaseWorkerResult

from reelmill.errors import PlatformError
from reelmill.queue.breaker import Breaker
from reelmill.queue.worker_facts import WorkerFacts
from reelmill.settings import get_settings
from workpools.background import BackgroundTasks
from workpools.guard import guarded
from workpools.pools import needs_gpu
from workpools.processes.forkserver import Forkserver, end_by_identifier, preloadable_modules
from workpools.processes.worker_lock import WorkerLock
from workpools.run.attempt import Attempt, Tools
from workpools.run.finalizer import Finalizer, Settlement
from workpools.run.poll_trigger import PollTrigger
from workpools.run.state_watcher import StateWatcher
from workpools.server_calls import SERVER_TROUBLE, ServerCalls, in_words
from workpools.site.batch_feeding import feed_batches
from workpools.site.claim_lock import Claim, ClaimLock, PoolBusy, site_database
from workpools.site.host_health import HostHealth
from workpools.site.readiness import Readiness
from workpools.site.rescuer import Rescuer, WorkerIdentity
from workpools.site.worker_metrics import serve_metrics
from workpools.site.worker_registry import WorkerRegistry, another_node_fits, silent, site_has_gpu
from workpools.template import WORKER_TYPE, JobConfiguration, JobVariables, Result, job_template
from workpools.vram.admission import Admission

_POLL_AFTER_GIVING_BACK: Final = 5.0  # so that the other node is first


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
        self._worker_lock = WorkerLock.acquire(folder, name) if name else WorkerLock.acquire_first_free(folder, default)
        super().__init__(
            work_pool_name,
            name=self._worker_lock.name,
            limit=limit or max(1, (os.cpu_count() or 1) // 4),
            **options,
        )
        # Whatever was set for Prefect's workers: a run fetched ahead of its time would sleep inside its slot.
        self._prefetch_seconds = 0.0
        self._attempts: dict[uuid.UUID, Attempt] = {}
        self._background = BackgroundTasks(self._logger)
        self._polling = asyncio.Lock()
        self._claim_lock = ClaimLock(partial(site_database, self._settings), work_pool_name)
        self._claim: Claim | None = None  # the one in force now
        self._claims: dict[uuid.UUID, Claim] = {}  # by run, until the server has accepted or refused it
        self._poll_trigger = PollTrigger(self._poll, self._background.spawn)
        self._no_poll_until = 0.0
        self._draining = False
        self._breaker = Breaker(self._settings.breaker_failures)
        self._reason_to_leave: str | None = None  # why this node leaves the pool to others
        self._last_line = ""

    # --- coming up and going down ---------------------------------------------------------------------------------

    async def setup(self) -> None:
        """See ``BaseWorker.setup``; then the node, what an earlier worker left, and the forkserver."""
        await super().setup()
        calls = ServerCalls(self.client, self._logger)
        if not self._synced():  # the server is still coming up
            await calls.until_answered(super().sync_with_backend)
        self._main = asyncio.current_task()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, self._on_stop_signal)
        self._watcher = StateWatcher(self.client, self._logger)
        self._finalizer = Finalizer(self.client, self.name, self._logger)
        self._registry = WorkerRegistry(self.client, self._work_pool_name, self._logger)
        self._readiness = Readiness(self.client, self._work_pool_name, self._work_queues)
        self._admission = Admission(self.client, self._settings, self.name, self._logger)
        self._host = HostHealth(self._settings)
        self._forkserver = Forkserver(
            await calls.until_answered(partial(preloadable_modules, self.client, self._work_pool_name))
        )
        self._tools = Tools(
            client=self.client,
            calls=calls,
            settings=self._settings,
            watcher=self._watcher,
            admission=self._admission,
            forkserver=self._forkserver,
            finalizer=self._finalizer,
            log_line=self._log_line,
            room_elsewhere=self._room_elsewhere,
            large_elsewhere=self._large_elsewhere,
        )
        us = WorkerIdentity(self.name, self._work_pool_name, self._settings.silent_seconds)
        self._rescuer = Rescuer(self.client, self._finalizer, self._registry, us, self._logger)
        await self._admission.prepare()
        if left := await calls.until_answered(self._rescuer.settle_own):
            self._log_line(f"{left} runs that an earlier worker of this name left were settled")
        await self._forkserver.warm_up()
        run = self._background.run_restarting
        run("the watch over states", self._watcher.serve)
        run("the watch over events", lambda: self._watcher.listen(self.work_pool.id, self._poll_trigger.on_event))
        run("the renewal of VRAM leases", self._admission.renew_leases)
        run("the feeding of batches", lambda: feed_batches(self._logger))
        run("metrics", lambda: serve_metrics(self._settings, self._work_pool_name, self._attempts, self._logger))
        run("the rescue", lambda: self._rescuer.serve(self._admission.audit, self._at_work))
        await calls.until_answered(self._publish_facts)
        self._log_line(f"waiting for jobs: {self._why_idle() or self._free()}")

    async def teardown(self, *exc_info: Any) -> None:
        """See ``BaseWorker.teardown``."""
        await self._background.end()
        await super().teardown(*exc_info)
        await self._claim_lock.close()
        self._worker_lock.release()

    def _synced(self) -> bool:
        try:
            return self.work_pool is not None
        except RuntimeError:  # what the base class raises while it does not know its pool yet
            return False

    def _on_stop_signal(self) -> None:
        if self._draining:
            self._stop_attempts("the worker was stopped")
            return
        self._draining = True
        self._background.run_restarting("the drain", self._drain)

    async def _drain(self) -> None:
        """Accept nothing new, let the jobs end, and stop them once they had their time."""
        self._log_line(f"draining: {len(self._attempts)} jobs may end within {self._settings.drain_seconds:g} s")
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
        """Poll for runs that are due, unless this worker takes none at present. No failure of it ends the worker."""
        try:
            async with self._polling:
                taken = await guarded(self._take_runs())
        finally:
            # Of every way out: a worker that is full, paused or draining is as well as one that polls.
            self._last_polled_time = datetime.now(UTC)
        if isinstance(taken, Exception):
            self._logger.error("the poll for jobs failed", exc_info=taken)
            return []
        return taken

    async def _take_runs(self) -> list[FlowRun]:
        if self._why_idle() is not None or asyncio.get_running_loop().time() < self._no_poll_until:
            return []
        try:
            if self.limiter.available_tokens == 0:
                self._log_line(f"at limit ({len(self._attempts)}/{int(self.limiter.total_tokens)})")
                await self._readiness.show()
                return []
            async with self._claim_lock.hold() as self._claim:
                return await self._take_runs_under(self._claim)
        except PoolBusy:
            self._poll_trigger.poll_again()
        except PlatformError as error:
            self._log_line(f"takes no job until it can keep others from the pool meanwhile: {error}")
        except SERVER_TROUBLE as error:
            self._log_line(in_words(error))
        return []

    async def _take_runs_under(self, claim: Claim) -> list[FlowRun]:
        """Poll, and wait until the server counts what the poll gave."""
        before = set(self.limiter.statistics().borrowers)
        try:
            return [] if self._draining else await super().get_and_submit_flow_runs()
        finally:
            borrowed = set(self.limiter.statistics().borrowers) - before
            taken = {run_id for run_id in borrowed if isinstance(run_id, uuid.UUID)}
            if not await claim.until_answered(taken, ClaimLock.HOLD_SECONDS):
                self._logger.warning("the server took too long to let jobs be taken; another worker may be first")

    async def _get_scheduled_flow_runs(self) -> list[WorkerFlowRunResponse]:
        """See ``BaseWorker._get_scheduled_flow_runs``, without runs whose last process has not ended yet."""
        found = await super()._get_scheduled_flow_runs()
        free = [entry for entry in found if entry.flow_run.id not in self.limiter.statistics().borrowers]
        if len(free) < len(found):
            self._poll_trigger.poll_again()
        return free

    async def _submit_run(self, flow_run: FlowRun) -> None:
        """See ``BaseWorker._submit_run``, which ends the worker with whatever it raises."""
        assert self._claim is not None
        claim = self._claims[flow_run.id] = self._claim
        try:
            failure = await guarded(super()._submit_run(flow_run))
        finally:
            proposed = self._claims.pop(flow_run.id, None) is None
            claim.answered(flow_run.id)
        if failure is not None:
            self._logger.warning("%s could not be taken", flow_run.name, exc_info=failure)
            self._submitting_flow_run_ids.discard(flow_run.id)
        if failure is not None or not proposed:  # the base class keeps the slot of a run whose deployment is gone
            self._release_limit_slot(flow_run.id)

    async def _propose_pending_state(self, flow_run: FlowRun) -> bool:
        """See ``BaseWorker._propose_pending_state``; only under the claim that the run was given under."""
        claim = self._claims.pop(flow_run.id)
        try:
            if not await claim.still_holds():
                self._log_line(f"{flow_run.name} is left in its lane: the claim on the pool was lost meanwhile")
                return False
            # A request that is sent again and again must not be carried out after the lock ran out.
            async with asyncio.timeout(ClaimLock.HOLD_SECONDS / 2):
                return await super()._propose_pending_state(flow_run)
        except TimeoutError:
            return False
        finally:
            claim.answered(flow_run.id)

    async def _propose_submitting_state(self, flow_run: FlowRun) -> None:
        """Leave it out: by now nothing keeps others from the pool, and proposed of a run that was put back into its
        lane meanwhile, it would take that run past the pool's limit."""

    async def _submit_run_and_capture_errors(
        self, flow_run: FlowRun, task_status: anyio.abc.TaskStatus[int | Exception] | None = None
    ) -> BaseWorkerResult | Exception:
        """See ``BaseWorker._submit_run_and_capture_errors``; a run that fails before it has an attempt is settled."""
        result = await guarded(super()._submit_run_and_capture_errors(flow_run, task_status))
        if isinstance(result, Exception):
            failure = await guarded(self._finalizer.settle_unprepared(flow_run.id, result))
            if isinstance(failure, Exception):
                self._logger.error("%s is left to the next rescue", flow_run.name, exc_info=failure)
        return result

    def _at_work(self) -> set[uuid.UUID]:
        """The runs that this worker has in hand."""
        return {*self._attempts, *self._submitting_flow_run_ids}

    def _why_idle(self) -> str | None:
        if self._draining:
            return "draining"
        return self._reason_to_leave or self._breaker.reason

    async def _poll(self) -> list[FlowRun]:
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
        self._log_line(f"{flow_run.name}: received, {self._free()}")
        try:
            with anyio.CancelScope(shield=True):
                settlement = await attempt.live()
        finally:
            del self._attempts[flow_run.id]
            # The base class frees the slot once we have returned; then the next job may come.
            asyncio.get_running_loop().call_soon(self._poll_trigger.poll_soon)
        if settlement.given_back:
            self._no_poll_until = asyncio.get_running_loop().time() + _POLL_AFTER_GIVING_BACK
        self._note_end(settlement)
        self._log_line(f"{flow_run.name}: {settlement.summary}; {self._free()}")
        return Result(identifier=str(flow_run.id), status_code=0)

    def _free(self) -> str:
        total = int(self.limiter.total_tokens)
        busy = len(self._attempts)
        return f"at limit ({busy}/{total})" if busy >= total else f"{total - busy} of {total} slots free"

    def _log_line(self, line: str) -> None:
        if line != self._last_line:
            self._last_line = line
            self._logger.info(line)

    # --- the node and its site ---------------------------------------------------------------------------------

    def _note_end(self, settlement: Settlement) -> None:
        if settlement.failure is None and not settlement.completed:
            return  # stopped or given back, which is no fact about the node
        was_open = self._breaker.open
        if settlement.failure is None:
            self._breaker = self._breaker.ended(None)
        else:
            self._breaker = self._breaker.ended(settlement.failure.failure_class, settlement.failure.message)
        if self._breaker.open and not was_open:
            self._log_line(f"pauses itself: {self._breaker.reason}")
            self._background.run_restarting("the check of its node", self._probe_node)

    async def _probe_node(self) -> None:
        """Check again and again whether the node is well, until it is."""
        while self._breaker.open:
            await asyncio.sleep(self._settings.breaker_seconds * self._breaker.patience)
            trouble = await self._host.trouble()
            self._breaker = self._breaker.probed(trouble)
            self._log_line(f"still paused: {trouble}" if trouble else "takes jobs again")
        self._poll_trigger.poll_soon()

    async def sync_with_backend(self) -> None:
        """See ``BaseWorker.sync_with_backend``; our own facts go along. No failure of it ends a worker that is up."""
        if not self.is_setup:
            await super().sync_with_backend()
            return
        for step in (super().sync_with_backend, self._publish_facts):
            failure = await guarded(step())
            if isinstance(failure, SERVER_TROUBLE):
                self._log_line(in_words(failure))
                return
            if failure is not None:
                self._logger.error("publishing its own facts failed", exc_info=failure)

    async def _publish_facts(self) -> None:
        facts = await self._registry.facts()
        living = await self._living()
        if needs_gpu(self._work_pool_name):
            self._reason_to_leave = self._host.reason_to_leave(self._admission.virtual, site_has_gpu(facts, living))
        await self._registry.publish(await self._facts())

    async def _facts(self) -> WorkerFacts:
        return WorkerFacts(
            worker=self.name,
            node=self._settings.node_name,
            pool=self._work_pool_name,
            max_jobs=int(self.limiter.total_tokens),
            active_jobs=len(self._attempts),
            paused=self._why_idle(),
            vram=self._admission.budgets,
            hardware=await self._host.hardware(),
            load=await self._host.load(),
        )

    async def _living(self) -> set[str]:
        workers = await self._registry.workers()
        return {worker.name for worker in workers} - silent(workers, self.name, self._settings.silent_seconds)

    async def _room_elsewhere(self, need_mb: int) -> bool:
        leased = {limit.name: limit.active_slots for limit in await self._registry.limits()}
        return another_node_fits(
            await self._registry.facts(), await self._living(), await self._facts(), need_mb, leased
        )

    async def _large_elsewhere(self, need_mb: int) -> bool:
        return another_node_fits(await self._registry.facts(), await self._living(), await self._facts(), need_mb)

    async def kill_infrastructure(
        self, infrastructure_pid: str, configuration: JobConfiguration, grace_seconds: int = 30
    ) -> None:
        """End a run's process group on this node.

        Raises:
            InfrastructureNotFound: it has ended already.
            InfrastructureNotAvailable: it runs on another node.
        """
        with suppress(ObjectNotFound):
            try:
                ended = end_by_identifier(infrastructure_pid)
            except ValueError as error:
                raise InfrastructureNotAvailable(str(error)) from error
            if not ended:
                raise InfrastructureNotFound(f"{infrastructure_pid} has ended already.")
