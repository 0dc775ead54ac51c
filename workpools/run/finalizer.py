"""A run whose process is gone gets the state it must have: cancelled, set aside, tried again, or given up."""

from __future__ import annotations

import logging
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import httpx
from prefect.client.orchestration import PrefectClient
from prefect.client.schemas.actions import LogCreate
from prefect.client.schemas.objects import FlowRun, State, StateType
from prefect.exceptions import ObjectNotFound
from prefect.states import AwaitingRetry, Cancelled, Crashed, Failed, Scheduled

from reelmill.dispatch.automations.job_events import failed_event
from reelmill.dispatch.server.connection import new_state
from reelmill.errors import FailureClass
from reelmill.queue import job_variables, retry_policy
from reelmill.queue.actor import UNNAMED, cancelled_by
from reelmill.queue.job import plain_reason
from reelmill.queue.parameter_check import misfit
from reelmill.queue.retry_policy import Again, Failure
from reelmill.settings import get_settings
from workpools.server_calls import ServerCalls, absent

#: Prefect's label of the worker that has a run.
WORKER_LABEL: Final = "prefect.worker.name"


@dataclass(frozen=True)
class Settlement:
    """How a run stands after it was settled."""

    summary: str  # a word or a sentence for the worker's log
    failure: Failure | None = None
    completed: bool = False
    given_back: bool = False  # to another node


class Finalizer:
    """Gives runs the state they must have, with one client."""

    def __init__(self, client: PrefectClient, worker: str, logger: logging.Logger | Any):
        self._client, self._worker, self._logger = client, worker, logger
        self._calls = ServerCalls(client, logger)

    async def settle(
        self,
        run_id: uuid.UUID,
        *,
        limit: int,
        gone: str,
        rescheduled: str | None = None,
        process: str | None = None,
        worker: str | None = None,
    ) -> Settlement:
        """Settle a run nothing of which is alive any more.

        Args:
            run_id: of the flow run.
            limit: how many retries it may have.
            gone: why the process is gone; becomes the state's message where the run itself left none.
            rescheduled: set where we ended it for a reason of our own, not counted as a failure: that reason.
            process: identifier of the process that is gone, None where it had none.
            worker: whose run it was; None for our own.

        Returns:
            How it stands now.
        """
        try:
            run = await self._calls.until_answered(lambda: self._client.read_flow_run(run_id))
            if _belongs_elsewhere(run, worker or self._worker, process):
                return Settlement("taken over by another worker")
            return await self._settle(run, limit, gone, rescheduled)
        except ObjectNotFound:
            return Settlement("deleted")

    async def settle_unprepared(self, run_id: uuid.UUID, failure: Exception) -> Settlement:
        """Settle a run that failed before anything was tried: its configuration could not be made.

        Args:
            run_id: of the flow run.
            failure: what was raised. Where it is not the server's absence, waiting does not help.

        Returns:
            How it stands now.
        """
        if not absent(failure):
            await self.label(
                run_id, {retry_policy.CLASS_LABEL: FailureClass.USER.value, retry_policy.RETRYABLE_LABEL: False}
            )
        why = f"It could not be prepared: {type(failure).__name__}: {failure}"
        return await self.settle(run_id, limit=retry_limit(), gone=why)

    async def _settle(self, run: FlowRun, limit: int, gone: str, rescheduled: str | None) -> Settlement:
        match run.state.type if run.state is not None else StateType.PENDING:
            case StateType.COMPLETED:
                return Settlement("completed", completed=True)
            case StateType.CANCELLED:
                if run.state is not None and not run.state.message:
                    await self._canceller(run)
                return Settlement("cancelled")
            case StateType.CANCELLING:
                who = await self._canceller(run)
                message = f"{who}; its work was stopped, and nothing half-made entered the library."
                await self.set_state(run.id, Cancelled(message=message), force=True)
                return Settlement("cancelled")
            case StateType.PAUSED | StateType.SCHEDULED:
                await self.forget_process(run.id)
                return Settlement("set aside")
            case StateType.FAILED | StateType.CRASHED:
                return await self.apply_rule(run, limit)
        if rescheduled is not None:
            await self.reschedule(run.id, rescheduled)
            return Settlement(f"rescheduled: {rescheduled}")
        if run.state is not None and run.state.type is StateType.PENDING and (why := await self._misfit(run)):
            return await self.fail(run.id, FailureClass.USER, why)
        await self.set_state(run.id, Crashed(message=gone))
        run = await self._calls.until_answered(lambda: self._client.read_flow_run(run.id))
        if run.state is None or run.state.type is not StateType.CRASHED:
            return Settlement("settled by another")
        return await self.apply_rule(run, limit)

    async def _canceller(self, run: FlowRun) -> str:
        """Who cancelled a run, as a sentence; its log names whoever gave no name, as dispatch names those who did."""
        message = run.state.message if run.state is not None else None
        if (named := cancelled_by(message)) is not None:
            return named
        by = replace(UNNAMED, reason=message or "")
        line = LogCreate(
            name="reelmill.control",
            level=logging.INFO,
            message=by.did("cancelled"),
            timestamp=datetime.now(UTC),
            flow_run_id=run.id,
        )
        await self._calls.until_answered(lambda: self._client.create_logs([line]))
        return by.did("Cancelled")

    async def _misfit(self, run: FlowRun) -> str | None:
        """Why a run that ended before it began could not be called; waiting would not help it."""
        deployment = run.deployment_id
        if deployment is None:
            return None
        try:
            found = await self._calls.until_answered(lambda: self._client.read_deployment(deployment))
        except ObjectNotFound:
            return None
        return misfit(run.parameters, found.parameter_openapi_schema or {})

    async def apply_rule(self, run: FlowRun, limit: int) -> Settlement:
        """The retry rule, for a run that has failed or crashed."""
        assert run.state is not None
        failure = failure_of(run.state, run.labels)
        used = retries_used(run.labels)
        settings = get_settings()
        decision = retry_policy.decide(
            failure,
            used=used,
            limit=limit,
            now=datetime.now(UTC),
            base=timedelta(seconds=settings.retry_base_seconds),
        )
        labels: dict[str, Any] = {
            retry_policy.CLASS_LABEL: failure.failure_class.value,
            retry_policy.RETRYABLE_LABEL: failure.retryable,
        }
        if isinstance(decision, Again):
            await self.label(run.id, labels | {retry_policy.RETRIES_LABEL: decision.retry})
            await self.forget_process(run.id)
            await self.set_state(run.id, AwaitingRetry(scheduled_time=decision.at, message=decision.message))
            return Settlement(decision.message, failure)
        await self.label(run.id, labels)
        if decision.dead_letter and retry_policy.DEAD_LETTER not in run.tags:
            tags = [*run.tags, retry_policy.DEAD_LETTER]
            await self._calls.until_answered(lambda: self._client.update_flow_run(run.id, tags=tags))
        await self._announce(run, labels, failure.message, decision.dead_letter)
        return Settlement(f"failed ({failure.failure_class}): {failure.message}", failure)

    async def _announce(self, run: FlowRun, labels: dict[str, Any], message: str, dead_letter: bool) -> None:
        """Emit the event of a job that has failed for good; not again where its worker did before it fell silent."""
        if run.labels.get(retry_policy.ANNOUNCED_LABEL) == run.run_count:
            return
        route: Any = "/events"
        body = [failed_event(run, labels, message, dead_letter=dead_letter).model_dump(mode="json")]
        try:
            await self._calls.until_answered(lambda: self._client.request("POST", route, json=body))
        except httpx.HTTPStatusError as error:  # the run is settled, whoever hears of it
            self._logger.warning("the event that %s failed was refused: %s", run.name, error)
        await self.label(run.id, {retry_policy.ANNOUNCED_LABEL: run.run_count})

    async def fail(self, run_id: uuid.UUID, failure_class: FailureClass, message: str) -> Settlement:
        """End a run that cannot be started here or anywhere."""
        failure = Failure(failure_class, False, message)
        labels: dict[str, Any] = {
            retry_policy.CLASS_LABEL: failure_class.value,
            retry_policy.RETRYABLE_LABEL: False,
        }
        await self.label(run_id, labels)
        await self.set_state(run_id, Failed(message=message))
        run = await self._calls.until_answered(lambda: self._client.read_flow_run(run_id))
        await self._announce(run, labels, message, dead_letter=False)
        return Settlement(f"failed ({failure_class}): {message}", failure)

    async def reschedule(self, run_id: uuid.UUID, message: str) -> None:
        """Back into its lane, at once and uncounted."""
        await self.forget_process(run_id)
        await self.set_state(run_id, Scheduled(scheduled_time=datetime.now(UTC), message=message))

    async def set_state(self, run_id: uuid.UUID, state: State, *, force: bool = False) -> None:
        """Propose a state; forced only to end a cancellation, since a forced state overwrites anything."""
        await self._calls.until_answered(lambda: self._client.set_flow_run_state(run_id, state, force=force))

    async def set_while_pending(self, run_id: uuid.UUID, state: State[Any]) -> bool:
        """Propose a state of a run that still waits on its worker, once.

        Proposed without a check of the present state, it would take a run out of its lane that was put back there, past
        its pool's limit. The server checks and writes in one step.

        Returns:
            Whether the run has the state now.

        Raises:
            httpx.HTTPError: the server does not answer.
        """
        route: Any = "/flow_runs/bulk_set_state"
        chosen = {"id": {"any_": [str(run_id)]}, "state": {"type": {"any_": [StateType.PENDING.value]}}}
        body = {"flow_runs": chosen, "state": new_state(state), "limit": 1}
        response = await self._client.request("POST", route, json=body)
        return [result["status"] for result in response.json()["results"]] == ["ACCEPT"]

    async def label(self, run_id: uuid.UUID, labels: dict[str, Any]) -> None:
        """Add labels to a run."""
        await self._calls.until_answered(lambda: self._client.update_flow_run_labels(run_id, labels))

    async def forget_process(self, run_id: uuid.UUID) -> None:
        """Remove the process id from a run: one that outlived its process would keep a later cancel waiting for it."""
        await self._calls.until_answered(
            lambda: self._client.request(
                "PATCH", "/flow_runs/{id}", path_params={"id": run_id}, json={"infrastructure_pid": None}
            )
        )


def _belongs_elsewhere(run: FlowRun, worker: str, process: str | None) -> bool:
    """Whether the run was rescued while we could not see it, and works elsewhere, or here once more, by now."""
    if run.labels.get(WORKER_LABEL, worker) != worker:
        return True
    return process is not None and run.infrastructure_pid not in (None, process)


def failure_of(state: State, labels: Mapping[str, Any]) -> Failure:
    """Class and message of a failed or crashed state.

    What the flow's hook recorded counts; where none ran, the process was killed, which waiting may help against.

    Returns:
        The failure, as the retry rule takes it.
    """
    message = plain_reason(state.message) or "it ended without a word"
    recorded = retry_policy.recorded(labels)
    if recorded is not None:
        return Failure(*recorded, message, retry_policy.recorded_most_retries(labels))
    if state.name == "TimedOut":
        return Failure(FailureClass.TIMEOUT, True, message)
    return Failure(FailureClass.RUNTIME, True, message)


def retries_used(labels: Mapping[str, Any]) -> int:
    """How many retries of the present count a run has had."""
    return int(labels.get(retry_policy.RETRIES_LABEL, 0))


def retry_limit(*nearest_first: Mapping[str, Any] | None) -> int:
    """How many retries a run may have: by the first of these job variables that gives a number, else by the setting."""
    return job_variables.retry_limit(job_variables.merged(*nearest_first[::-1]), get_settings().max_retries)
