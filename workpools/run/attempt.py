"""One run of one job on this worker: begun, admitted, started, watched, ended, settled."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Final

import anyio.abc
from prefect.client.orchestration import PrefectClient
from prefect.client.schemas.objects import FlowRun, State, StateType
from prefect.exceptions import ObjectNotFound
from prefect.states import Crashed, Submitting

from reelmill.errors import FailureClass
from reelmill.hardware import vram_share
from reelmill.queue import retry_policy
from reelmill.queue.job import DEFAULT_PRIORITY, priority_of
from reelmill.queue.placement import Impossible, Wait, need_of
from reelmill.settings import Settings
from workpools.guard import guarded
from workpools.processes.forkserver import Forkserver, RunProcess
from workpools.run.finalizer import Finalizer, Settlement, retry_limit
from workpools.run.state_watcher import ObservedRun, StateWatcher, Verdict
from workpools.server_calls import SERVER_TROUBLE, Patience, ServerCalls
from workpools.template import JobConfiguration
from workpools.vram.admission import Admission, Grant

WAITING_FOR_VRAM: Final = "WaitingForVram"

_STOP_SECONDS: Final = 3.0  # for finally blocks, before the process group is killed
_LINGER_SECONDS: Final = 20.0  # for a process whose engine has set the final state
_ASK_AGAIN: Final = 1.0
_SHOW_AGAIN: Final = 5.0  # between two changes of a waiting run's reason


@dataclass(frozen=True)
class Tools:
    """What a worker hands to each of its attempts."""

    client: PrefectClient
    calls: ServerCalls
    settings: Settings
    watcher: StateWatcher
    admission: Admission
    forkserver: Forkserver
    finalizer: Finalizer
    log_line: Callable[[str], None]  # one line of the worker's log
    room_elsewhere: Callable[[int], Awaitable[bool]]  # whether another node of the pool could start it now
    large_elsewhere: Callable[[int], Awaitable[bool]]  # whether one could ever


class Attempt:
    """One run on this worker: ``live`` is all of it, ``stop`` cuts it short from outside."""

    def __init__(
        self,
        tools: Tools,
        run: FlowRun,
        configuration: JobConfiguration,
        logger: logging.Logger | Any,
        task_status: anyio.abc.TaskStatus[Any] | None,
    ):
        self._tools, self._run, self._configuration = tools, run, configuration
        self._logger, self._task_status = logger, task_status
        self._limit = retry_limit({"max_retries": configuration.max_retries})
        self._stopped = asyncio.Event()
        self._why_stopped = ""

    @property
    def name(self) -> str:
        """For the log."""
        return self._run.name

    def stop(self, why: str) -> None:
        """End it and put the job back into its lane."""
        self._why_stopped = why
        self._stopped.set()

    async def live(self) -> Settlement:
        """Take the run to its settled end. Whatever happens, no process, share or slot is left."""
        observed = self._tools.watcher.observe(self._run.id, self._run.state or State(type=StateType.PENDING))
        try:
            outcome = await guarded(self._live(observed))
            left = await guarded(self._tools.admission.leave(self._run.id))
            if left is not None:
                self._logger.warning("its share of VRAM could not be given back and runs out by itself", exc_info=left)
            return await self._recover(outcome) if isinstance(outcome, Exception) else outcome
        finally:
            self._tools.watcher.forget(self._run.id)
            self._report_started(None)

    async def _live(self, observed: ObservedRun) -> Settlement:
        if not await self._begin(observed):
            return await self._settle("Its state was changed before it began.")
        grant = await self._admit(observed)
        if isinstance(grant, Settlement):
            return grant
        return await self._work(observed, grant)

    async def _recover(self, failure: Exception) -> Settlement:
        """Settle a run that our own code, or a call the server refused, failed at; its process is dead by now."""
        if isinstance(failure, ObjectNotFound):
            self._logger.info("something the run needs is gone: %s", failure)
        else:
            self._logger.error("the worker failed at this run", exc_info=failure)
        why = f"The worker failed at it: {type(failure).__name__}: {failure}"
        settled = await guarded(self._settle(why))
        if isinstance(settled, Settlement):
            return settled
        # What the retry rule needs cannot be read or kept; the state alone still frees the slot.
        self._logger.error("it could not be settled by the retry rule", exc_info=settled)
        crashed = await guarded(self._tools.finalizer.set_state(self._run.id, Crashed(message=why)))
        if crashed is not None:
            self._logger.error("it is left to the next rescue", exc_info=crashed)
        return Settlement(f"crashed: {why}")

    async def _begin(self, observed: ObservedRun) -> bool:
        """Read the run anew, since it may have been stopped after the poll gave it; note a retry in its log."""
        run = await self._tools.calls.until_answered(lambda: self._tools.client.read_flow_run(self._run.id))
        if run.state is not None:
            observed.note_state(run.state)
        if observed.verdict is not Verdict.GO_ON:
            return False
        self._run = run  # what the poll gives does not name its lane
        if run.run_count:
            await self._begin_again(run)
        return True

    async def _begin_again(self, run: FlowRun) -> None:
        states = await self._tools.calls.until_answered(lambda: self._tools.client.read_flow_run_states(run.id))
        before = [state for state in states if state.type is StateType.SCHEDULED][-1]
        if before.name != "AwaitingRetry":
            self._logger.info("--- GOES ON: run %d of this job ---", run.run_count + 1)
            return
        self._logger.info("--- RETRY ATTEMPT %d ---", run.run_count)
        labels: dict[str, Any] = {retry_policy.CLASS_LABEL: "", retry_policy.RETRYABLE_LABEL: False}
        if not retry_policy.made_by_rule(before.name, before.message):
            labels[retry_policy.RETRIES_LABEL] = 0
            if retry_policy.DEAD_LETTER in run.tags:
                tags = [tag for tag in run.tags if tag != retry_policy.DEAD_LETTER]
                await self._tools.calls.until_answered(lambda: self._tools.client.update_flow_run(run.id, tags=tags))
        await self._tools.finalizer.label(run.id, labels)

    async def _admit(self, observed: ObservedRun) -> Grant | Settlement | None:
        """Wait for GPU memory; None where none is needed, an outcome where the run went another way."""
        admission, arrived, shown = self._tools.admission, time.monotonic(), _ShownReason()
        need = need_of(self._configuration.vram_mb, self._run.parameters, virtual=admission.virtual)
        if need == 0:
            return None
        priority = priority_of(self._run.work_queue_name) or DEFAULT_PRIORITY
        patience: Patience | None = None
        while True:
            observed.changed.clear()
            if observed.verdict is not Verdict.GO_ON:
                return await self._settle("Its state was changed.")
            if self._stopped.is_set():
                return await self._give_back(self._why_stopped)
            try:
                decision = await admission.request(self._run.id, need, priority, arrived)
                if isinstance(decision, Grant):
                    return decision
                if isinstance(decision, Impossible):
                    return await self._never_here(need, decision.reason)
                await self._show_reason(shown, decision)
                long = time.monotonic() - arrived > self._tools.settings.give_back_seconds
                if long and await self._tools.room_elsewhere(need):
                    return await self._give_back("another node has the VRAM it waited for")
                patience = None
            except SERVER_TROUBLE as error:
                patience = patience or self._tools.calls.patience()
                await patience.bear(error)
            await self._until(_ASK_AGAIN, observed.changed, self._stopped)

    async def _show_reason(self, shown: _ShownReason, decision: Wait) -> None:
        """Show the reason on the run. A state of the same name is refused, so another one stands between."""
        if decision.reason == shown.reason or time.monotonic() - shown.when < _SHOW_AGAIN:
            return
        finalizer = self._tools.finalizer
        if shown.reason:
            await finalizer.set_while_pending(self._run.id, Submitting())
        state: State[Any] = State(type=StateType.PENDING, name=WAITING_FOR_VRAM, message=decision.reason)
        if not await finalizer.set_while_pending(self._run.id, state):
            return  # somebody changed it, which the next refresh shows
        self._tools.log_line(f"{self.name} waits: {decision.reason}")
        shown.reason, shown.when = decision.reason, time.monotonic()

    async def _never_here(self, need: int, why: str) -> Settlement:
        if await self._tools.large_elsewhere(need):
            return await self._give_back(f"{self._tools.settings.node_name} has no GPU of {need} MB, another node has")
        return await self._tools.finalizer.fail(self._run.id, FailureClass.CAPABILITY, why)

    async def _give_back(self, why: str) -> Settlement:
        await self._tools.finalizer.reschedule(self._run.id, f"Given back: {why}.")
        return Settlement(f"given back: {why}", given_back=True)

    async def _work(self, observed: ObservedRun, grant: Grant | None) -> Settlement:
        environment = {name: value for name, value in self._configuration.env.items() if value is not None}
        environment[vram_share.VARIABLE] = str(grant.lease.mb if grant is not None else 0)
        if grant is not None:
            environment |= grant.environment
        try:
            process = await self._tools.forkserver.start(str(self._run.id), environment)
        except OSError as error:
            return await self._settle(f"No process could be started: {error}.")
        try:
            self._report_started(process.identifier)
            if grant is not None:
                await self._tools.admission.started(grant, process.identifier)
            gone, rescheduled = await self._watch_over(observed, grant, process)
        finally:
            await process.kill()
        return await self._settle(gone or _how_it_ended(process.exit_code), rescheduled, process.identifier)

    async def _watch_over(
        self, observed: ObservedRun, grant: Grant | None, process: RunProcess
    ) -> tuple[str, str | None]:
        """Wait for the end of the process, or end it; returns why it is gone, and why it was put back, if it was."""
        lost = grant.lost if grant is not None else asyncio.Event()
        while not process.ended.is_set():
            observed.changed.clear()
            match observed.verdict:
                case Verdict.CANCEL | Verdict.SUSPEND | Verdict.TAKEN_AWAY:
                    await process.stop(_STOP_SECONDS)
                    return "Its state was changed.", None
                case Verdict.OVER:
                    await self._until(_LINGER_SECONDS, process.ended)
                    return "", None
            if lost.is_set():
                await process.stop(_STOP_SECONDS)
                return "", "its share of the VRAM was lost while the server was away"
            if self._stopped.is_set():
                await process.stop(_STOP_SECONDS)
                return "", self._why_stopped
            await self._until(None, process.ended, observed.changed, lost, self._stopped)
        return "", None

    async def _settle(self, gone: str, rescheduled: str | None = None, process: str | None = None) -> Settlement:
        return await self._tools.finalizer.settle(
            self._run.id, limit=self._limit, gone=gone, rescheduled=rescheduled, process=process
        )

    def _report_started(self, identifier: str | None) -> None:
        """Report to Prefect's worker, which waits for it once, whether the run has a process."""
        if self._task_status is not None:
            self._task_status.started(identifier)
            self._task_status = None

    @staticmethod
    async def _until(seconds: float | None, *events: asyncio.Event) -> None:
        """Until one of these is set, or the time is over."""
        waits = [asyncio.ensure_future(event.wait()) for event in events]
        try:
            await asyncio.wait(waits, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()


@dataclass
class _ShownReason:
    """The reason that a waiting run shows, and since when."""

    reason: str = ""
    when: float = float("-inf")


def _how_it_ended(exit_code: int | None) -> str:
    if exit_code is not None and exit_code < 0:
        return f"The job's process was killed by signal {-exit_code}, by a person or by the kernel for want of memory."
    return f"The job's process ended by itself with code {exit_code}."
