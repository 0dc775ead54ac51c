"""A run whose process is gone gets the state it must have: cancelled, set aside, tried again, or given up."""

from __future__ import annotations

import asyncio
import logging
import uuid
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final, TypeVar

import httpx
from prefect.client.orchestration import PrefectClient
from prefect.client.schemas.objects import FlowRun, State, StateType
from prefect.exceptions import ObjectNotFound
from prefect.states import AwaitingRetry, Cancelled, Crashed, Failed, Scheduled

from reelmill.errors import FailureClass
from reelmill.jobs import reason
from reelmill.scheduling import retries
from reelmill.scheduling.parameters import misfit
from reelmill.scheduling.retries import Again, Failure
from reelmill.settings import get_settings
from workpools.watch import SERVER_TROUBLE

T = TypeVar("T")

#: Prefect's label of the worker that has a run.
WORKER_LABEL: Final = "prefect.worker.name"

_LONGEST_PAUSE: Final = 5.0  # seconds between two tries to reach the server


@dataclass(frozen=True)
class Outcome:
    """How a run stands after it was settled."""

    told: str  # in a word or a sentence, for the worker's log
    failure: Failure | None = None
    completed: bool = False
    given_back: bool = False  # to another machine


async def until_answered(call: Callable[[], Awaitable[T]], logger: logging.Logger | Any) -> T:
    """Make a call through the server's absences: as long as it takes.

    Raises:
        httpx.HTTPStatusError: the server answered, and refused.
        ObjectNotFound: the run was deleted.
    """
    pause = 0.2
    while True:
        try:
            return await call()
        except SERVER_TROUBLE as error:
            if isinstance(error, httpx.HTTPStatusError) and error.response.status_code < 500:
                raise
            logger.debug("the server does not answer, trying again: %s", error)
        await asyncio.sleep(pause)
        pause = min(_LONGEST_PAUSE, pause * 2)


class Settler:
    """Settles runs with one client."""

    def __init__(self, client: PrefectClient, worker: str, logger: logging.Logger | Any):
        self._client, self._worker, self._logger = client, worker, logger

    async def settle(
        self,
        run_id: uuid.UUID,
        *,
        limit: int,
        gone: str,
        rescheduled: str | None = None,
        process: str | None = None,
        worker: str | None = None,
    ) -> Outcome:
        """Settle a run nothing of which is alive any more.

        Args:
            run_id: of the flow run.
            limit: how many retries it may have.
            gone: why the process is gone, said where the run itself could not say anything.
            rescheduled: set where we ended it for a reason of our own, not counted as a failure: that reason.
            process: identifier of the process that is gone, None where it had none.
            worker: whose run it was; None for our own.
        """
        try:
            run = await until_answered(lambda: self._client.read_flow_run(run_id), self._logger)
            if _somebody_elses(run, worker or self._worker, process):
                return Outcome("taken over by another worker")
            return await self._settle(run, limit, gone, rescheduled)
        except ObjectNotFound:
            return Outcome("deleted")

    async def _settle(self, run: FlowRun, limit: int, gone: str, rescheduled: str | None) -> Outcome:
        match run.state.type if run.state is not None else StateType.PENDING:
            case StateType.COMPLETED:
                return Outcome("completed", completed=True)
            case StateType.CANCELLED:
                return Outcome("cancelled")
            case StateType.CANCELLING:
                message = "Cancelled: its work was stopped, and nothing half-made entered the library."
                await self.set_state(run.id, Cancelled(message=message), force=True)
                return Outcome("cancelled")
            case StateType.PAUSED | StateType.SCHEDULED:
                await self.forget_process(run.id)
                return Outcome("set aside")
            case StateType.FAILED | StateType.CRASHED:
                return await self.apply_rule(run, limit)
        if rescheduled is not None:
            await self.reschedule(run.id, rescheduled)
            return Outcome(f"rescheduled: {rescheduled}")
        if run.state is not None and run.state.type is StateType.PENDING and (why := await self._misfit(run)):
            return await self.fail(run.id, FailureClass.USER, why)
        await self.set_state(run.id, Crashed(message=gone))
        run = await until_answered(lambda: self._client.read_flow_run(run.id), self._logger)
        if run.state is None or run.state.type is not StateType.CRASHED:
            return Outcome("settled by somebody else")
        return await self.apply_rule(run, limit)

    async def _misfit(self, run: FlowRun) -> str | None:
        """Why a run that ended before it began could not be called; waiting would not help it."""
        deployment = run.deployment_id
        if deployment is None:
            return None
        try:
            found = await until_answered(lambda: self._client.read_deployment(deployment), self._logger)
        except ObjectNotFound:
            return None
        return misfit(run.parameters, found.parameter_openapi_schema or {})

    async def apply_rule(self, run: FlowRun, limit: int) -> Outcome:
        """The retry rule, for a run that has failed or crashed."""
        assert run.state is not None
        failure = failure_of(run.state, run.labels)
        used = retries_used(run.labels)
        settings = get_settings()
        decision = retries.decide(
            failure,
            used=used,
            limit=limit,
            now=datetime.now(UTC),
            base=timedelta(seconds=settings.retry_base_seconds),
        )
        labels: dict[str, Any] = {
            retries.CLASS_LABEL: failure.failure_class.value,
            retries.RETRYABLE_LABEL: failure.retryable,
        }
        if isinstance(decision, Again):
            await self.label(run.id, labels | {retries.RETRIES_LABEL: decision.retry})
            await self.forget_process(run.id)
            await self.set_state(run.id, AwaitingRetry(scheduled_time=decision.at, message=decision.message))
            return Outcome(decision.message, failure)
        await self.label(run.id, labels)
        if decision.dead_letter and retries.DEAD_LETTER not in run.tags:
            tags = [*run.tags, retries.DEAD_LETTER]
            await until_answered(lambda: self._client.update_flow_run(run.id, tags=tags), self._logger)
        return Outcome(f"failed ({failure.failure_class}): {failure.message}", failure)

    async def fail(self, run_id: uuid.UUID, failure_class: FailureClass, message: str) -> Outcome:
        """End a run that cannot be started here or anywhere."""
        failure = Failure(failure_class, False, message)
        await self.label(run_id, {retries.CLASS_LABEL: failure_class.value, retries.RETRYABLE_LABEL: False})
        await self.set_state(run_id, Failed(message=message))
        return Outcome(f"failed ({failure_class}): {message}", failure)

    async def reschedule(self, run_id: uuid.UUID, message: str) -> None:
        """Back into its lane, at once and uncounted."""
        await self.forget_process(run_id)
        await self.set_state(run_id, Scheduled(scheduled_time=datetime.now(UTC), message=message))

    async def set_state(self, run_id: uuid.UUID, state: State, *, force: bool = False) -> None:
        """Propose a state; forced only to end a cancellation, since a forced state overwrites anything."""
        await until_answered(lambda: self._client.set_flow_run_state(run_id, state, force=force), self._logger)

    async def label(self, run_id: uuid.UUID, labels: dict[str, Any]) -> None:
        """Add labels to a run."""
        await until_answered(lambda: self._client.update_flow_run_labels(run_id, labels), self._logger)

    async def forget_process(self, run_id: uuid.UUID) -> None:
        """A process id that outlived its process would keep a later cancel waiting for it."""
        await until_answered(
            lambda: self._client.request(
                "PATCH", "/flow_runs/{id}", path_params={"id": run_id}, json={"infrastructure_pid": None}
            ),
            self._logger,
        )


def _somebody_elses(run: FlowRun, worker: str, process: str | None) -> bool:
    """Whether the run was swept while we could not see it, and works elsewhere, or here once more, by now."""
    if run.labels.get(WORKER_LABEL, worker) != worker:
        return True
    return process is not None and run.infrastructure_pid not in (None, process)


def failure_of(state: State, labels: Mapping[str, Any]) -> Failure:
    """Class and message of a failed or crashed state.

    What the flow's hook recorded counts; where none ran, the process was killed, which waiting may help against.
    """
    message = reason(state.message) or "it ended without a word"
    recorded = retries.recorded(labels)
    if recorded is not None:
        return Failure(*recorded, message)
    if state.name == "TimedOut":
        return Failure(FailureClass.TIMEOUT, True, message)
    return Failure(FailureClass.RUNTIME, True, message)


def retries_used(labels: Mapping[str, Any]) -> int:
    """How many retries of the present count a run has had."""
    return int(labels.get(retries.RETRIES_LABEL, 0))


def retry_limit(*job_variables: Mapping[str, Any] | None) -> int:
    """How many retries a run may have: the first of these that says, else this machine's setting."""
    for variables in job_variables:
        if variables and variables.get("max_retries") is not None:
            return int(variables["max_retries"])
    return get_settings().max_retries
