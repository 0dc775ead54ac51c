"""One run of one job on this worker: begun, admitted, started, watched, ended, settled."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Final

import anyio.abc
import httpx
from prefect.client.orchestration import PrefectClient
from prefect.client.schemas.objects import FlowRun, State, StateType
from prefect.exceptions import ObjectNotFound
from prefect.states import Submitting

from reelmill.errors import FailureClass
from reelmill.jobs import DEFAULT_PRIORITY, priority_of
from reelmill.scheduling import admitted, retries
from reelmill.scheduling.placement import Impossible, Waits, need_of
from reelmill.settings import Settings
from workpools.admission import Admission, Grant
from workpools.configuration import JobConfiguration
from workpools.nursery import Family, Nursery
from workpools.settle import Outcome, Settler, retry_limit, until_answered
from workpools.watch import SERVER_TROUBLE, Held, Verdict, Watch

WAITING_FOR_VRAM: Final = "WaitingForVram"

_STOP_SECONDS: Final = 3.0  # for finally blocks, before the group is killed
_LINGER_SECONDS: Final = 20.0  # for a process whose engine has set the final state
_ASK_AGAIN: Final = 1.0
_TELL_AGAIN: Final = 5.0  # between two changes of a waiting run's reason


@dataclass(frozen=True)
class Tools:
    """What a worker hands to each of its attempts."""

    client: PrefectClient
    settings: Settings
    watch: Watch
    admission: Admission
    nursery: Nursery
    settler: Settler
    say: Callable[[str], None]  # one line of the worker's log
    room_elsewhere: Callable[[int], Awaitable[bool]]  # whether another machine of the pool could start it now
    large_elsewhere: Callable[[int], Awaitable[bool]]  # whether one could ever


class Attempt:
    """See the module; ``live`` is all of it, ``stop`` cuts it short from outside."""

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

    async def live(self) -> Outcome:
        """From the first look at the run to its settled end. Whatever happens, no process and no share is left."""
        held = self._tools.watch.hold(self._run.id, self._run.state or State(type=StateType.PENDING))
        try:
            if not await self._begin(held):
                return await self._settle("Its state was changed before it began.")
            grant = await self._admit(held)
            if isinstance(grant, Outcome):
                return grant
            return await self._work(held, grant)
        except (ObjectNotFound, httpx.HTTPStatusError) as error:  # deleted under us, or refused by the server
            return Outcome(f"left alone: {error}")
        finally:
            await self._tools.admission.leave(self._run.id)
            self._tools.watch.release(self._run.id)
            self._report_started(None)

    async def _begin(self, held: Held) -> bool:
        """Look afresh, since the run may have been stopped after it was given to us; note a retry in its log."""
        run = await until_answered(lambda: self._tools.client.read_flow_run(self._run.id), self._logger)
        if run.state is not None:
            held.saw(run.state)
        if held.verdict is not Verdict.GO_ON:
            return False
        self._run = run  # what we were given does not name its lane
        if run.run_count:
            await self._begin_again(run)
        return True

    async def _begin_again(self, run: FlowRun) -> None:
        states = await until_answered(lambda: self._tools.client.read_flow_run_states(run.id), self._logger)
        before = [state for state in states if state.type is StateType.SCHEDULED][-1]
        if before.name != "AwaitingRetry":
            self._logger.info("--- GOES ON: run %d of this job ---", run.run_count + 1)
            return
        self._logger.info("--- RETRY ATTEMPT %d ---", run.run_count)
        labels: dict[str, Any] = {retries.CLASS_LABEL: "", retries.RETRYABLE_LABEL: False}
        if not retries.made_by_rule(before.name, before.message):
            labels[retries.RETRIES_LABEL] = 0
            if retries.DEAD_LETTER in run.tags:
                tags = [tag for tag in run.tags if tag != retries.DEAD_LETTER]
                await until_answered(lambda: self._tools.client.update_flow_run(run.id, tags=tags), self._logger)
        await self._tools.settler.label(run.id, labels)

    async def _admit(self, held: Held) -> Grant | Outcome | None:
        """Wait for GPU memory; None where none is needed, an outcome where the run went another way."""
        admission, arrived, told = self._tools.admission, time.monotonic(), _Told()
        need = need_of(self._configuration.vram_mb, self._run.parameters, virtual=admission.virtual)
        if need == 0:
            return None
        priority = priority_of(self._run.work_queue_name) or DEFAULT_PRIORITY
        while True:
            held.changed.clear()
            if held.verdict is not Verdict.GO_ON:
                return await self._settle("Its state was changed.")
            if self._stopped.is_set():
                return await self._give_back(self._why_stopped)
            try:
                answer = await admission.ask(self._run.id, need, priority, arrived)
                if isinstance(answer, Grant):
                    return answer
                if isinstance(answer, Impossible):
                    return await self._never_here(need, answer.reason)
                await self._tell(told, answer)
                long = time.monotonic() - arrived > self._tools.settings.give_back_seconds
                if long and await self._tools.room_elsewhere(need):
                    return await self._give_back("another machine has the VRAM it waited for")
            except SERVER_TROUBLE as error:
                self._logger.debug("asking for VRAM: the server does not answer: %s", error)
            await self._until(_ASK_AGAIN, held.changed, self._stopped)

    async def _tell(self, told: _Told, answer: Waits) -> None:
        """Show the reason on the run. A state of the same name is refused, so another one stands between."""
        if answer.reason == told.reason or time.monotonic() - told.when < _TELL_AGAIN:
            return
        if told.reason:
            await self._tools.client.set_flow_run_state(self._run.id, Submitting())
        state: State[Any] = State(type=StateType.PENDING, name=WAITING_FOR_VRAM, message=answer.reason)
        await self._tools.client.set_flow_run_state(self._run.id, state)
        self._tools.say(f"{self.name} waits: {answer.reason}")
        told.reason, told.when = answer.reason, time.monotonic()

    async def _never_here(self, need: int, why: str) -> Outcome:
        if await self._tools.large_elsewhere(need):
            return await self._give_back(
                f"{self._tools.settings.node_name} has no GPU of {need} MB, another machine has"
            )
        return await self._tools.settler.fail(self._run.id, FailureClass.CAPABILITY, why)

    async def _give_back(self, why: str) -> Outcome:
        await self._tools.settler.reschedule(self._run.id, f"Given back: {why}.")
        return Outcome(f"given back: {why}", given_back=True)

    async def _work(self, held: Held, grant: Grant | None) -> Outcome:
        environment = {name: value for name, value in self._configuration.env.items() if value is not None}
        environment[admitted.VARIABLE] = str(grant.lease.mb if grant is not None else 0)
        if grant is not None:
            environment |= grant.environment
        try:
            family = await self._tools.nursery.start(str(self._run.id), environment)
        except OSError as error:
            return await self._settle(f"No process could be started: {error}.")
        try:
            self._report_started(family.identifier)
            if grant is not None:
                await self._tools.admission.started(grant, family.identifier)
            gone, rescheduled = await self._watch_over(held, grant, family)
        finally:
            await family.kill()
        return await self._settle(gone or _how(family.exit_code), rescheduled, family.identifier)

    async def _watch_over(self, held: Held, grant: Grant | None, family: Family) -> tuple[str, str | None]:
        """Wait for the end of the process, or end it; answers why it is gone and why it was put back, if it was."""
        lost = grant.lost if grant is not None else asyncio.Event()
        while not family.ended.is_set():
            held.changed.clear()
            match held.verdict:
                case Verdict.CANCEL | Verdict.SUSPEND | Verdict.TAKEN_AWAY:
                    await family.stop(_STOP_SECONDS)
                    return "Its state was changed.", None
                case Verdict.OVER:
                    await self._until(_LINGER_SECONDS, family.ended)
                    return "", None
            if lost.is_set():
                await family.stop(_STOP_SECONDS)
                return "", "its share of the VRAM was lost while the server was away"
            if self._stopped.is_set():
                await family.stop(_STOP_SECONDS)
                return "", self._why_stopped
            await self._until(None, family.ended, held.changed, lost, self._stopped)
        return "", None

    async def _settle(self, gone: str, rescheduled: str | None = None, process: str | None = None) -> Outcome:
        return await self._tools.settler.settle(
            self._run.id, limit=self._limit, gone=gone, rescheduled=rescheduled, process=process
        )

    def _report_started(self, identifier: str | None) -> None:
        """Prefect's worker waits to hear, once, whether the run has a process."""
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
class _Told:
    """The reason a waiting run shows, and since when."""

    reason: str = ""
    when: float = float("-inf")


def _how(exit_code: int | None) -> str:
    if exit_code is not None and exit_code < 0:
        return f"The job's process was killed by signal {-exit_code}, by a person or by the kernel for want of memory."
    return f"The job's process ended by itself with code {exit_code}."
