"""The Prefect server as the dispatcher uses it: one client, whole pages, and errors that people can read."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from functools import wraps
from typing import Any, Concatenate, Final, Literal, ParamSpec, TypeVar

import httpx
from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterId
from prefect.client.schemas.objects import FlowRun, State
from prefect.client.schemas.responses import DeploymentResponse
from prefect.exceptions import ObjectNotFound, PrefectHTTPStatusError

from reelmill import jobs
from reelmill.errors import PlatformError, UserError
from reelmill.jobs import Job, RunFacts

#: The most the server answers with at once.
PAGE: Final = 200

_REMEMBER: Final = 10.0  # seconds that what a deployment says is believed

Arguments = ParamSpec("Arguments")
Answer = TypeVar("Answer")
Self_ = TypeVar("Self_")


def told(
    method: Callable[Concatenate[Self_, Arguments], Answer],
) -> Callable[Concatenate[Self_, Arguments], Answer]:
    """For every public operation: what goes wrong between us and the server is told as one of our own errors."""

    @wraps(method)
    def guarded(self: Self_, /, *args: Arguments.args, **kwargs: Arguments.kwargs) -> Answer:
        try:
            return method(self, *args, **kwargs)
        except (httpx.TransportError, PrefectHTTPStatusError) as error:
            raise _ours(error) from error
        except ObjectNotFound as error:  # deleted between two of our questions
            raise UserError("What this is about has just been deleted from the Prefect server; look again.") from error

    return guarded


def _ours(error: httpx.TransportError | PrefectHTTPStatusError) -> PlatformError | UserError:
    if isinstance(error, httpx.TransportError):
        return PlatformError("The Prefect server does not answer; is the site up? (`reelmill up`)")
    code = error.response.status_code
    if code >= httpx.codes.INTERNAL_SERVER_ERROR:
        return PlatformError(
            f"The Prefect server is in trouble (HTTP {code}); its log says more. Try again in a while."
        )
    return UserError(f"The Prefect server refuses: {detail(error.response)}")


def detail(response: httpx.Response) -> str:
    """What the server says it did not like."""
    try:
        return str(response.json()["detail"])
    except (ValueError, KeyError, TypeError):
        return response.text


def unknown(job_id: uuid.UUID) -> UserError:
    """The error for an id that no job has."""
    return UserError(f"No job has the id {job_id}.")


class Connection:
    """What every part of the dispatcher stands on."""

    def __init__(self, client: SyncPrefectClient):
        self._client = client
        self._flow_names: dict[uuid.UUID, str] = {}
        self._deployments: dict[uuid.UUID, DeploymentResponse] = {}
        self._deployments_read = 0.0

    def _request(self, method: Literal["POST", "PATCH"], path: Any, body: Any) -> Any:
        """One of the server's routes that the client has no method for; its answer, None where it is empty.

        Args:
            method: of HTTP.
            path: from the API's root.
            body: sent as JSON.
        """
        answer = self._client.request(method, path, json=body)
        return answer.json() if answer.content else None

    def _ask(self, path: str, **body: Any) -> Any:
        return self._request("POST", path, body)

    def _run(self, job_id: uuid.UUID) -> FlowRun:
        try:
            return self._client.read_flow_run(job_id)
        except ObjectNotFound as error:
            raise unknown(job_id) from error

    def _runs(self, job_ids: Iterable[uuid.UUID]) -> list[FlowRun]:
        wanted = list(dict.fromkeys(job_ids))
        runs: list[FlowRun] = []
        for start in range(0, len(wanted), PAGE):
            chosen = FlowRunFilter(id=FlowRunFilterId(any_=wanted[start : start + PAGE]))
            runs += self._client.read_flow_runs(flow_run_filter=chosen, limit=PAGE)
        return runs

    def _job(self, run: FlowRun) -> Job:
        return self._jobs([run])[0]

    def _jobs(self, runs: Sequence[FlowRun]) -> list[Job]:
        now = datetime.now(UTC)
        return [jobs.view(self._facts(run), now) for run in runs]

    def _facts(self, run: FlowRun) -> RunFacts:
        # A run without a state exists for the moment between its two insertions.
        state = run.state
        deployment = self._deployment_of(run.deployment_id)
        return RunFacts(
            id=run.id,
            name=run.name,
            type=self._flow_name(run.flow_id),
            state_type=state.type.value if state is not None else "SCHEDULED",
            state_name=(state.name if state is not None else None) or "Scheduled",
            message=state.message if state is not None else None,
            scheduled=state.state_details.scheduled_time if state is not None and state.is_scheduled() else None,
            expected=run.expected_start_time,
            parameters=run.parameters,
            pool=run.work_pool_name,
            lane=run.work_queue_name,
            tags=tuple(sorted(run.tags)),
            labels=run.labels,
            variables={**(deployment.job_variables if deployment else {}), **(run.job_variables or {})},
            attempt=run.run_count,
            created=run.created,
            started=run.start_time,
            ended=run.end_time,
        )

    def _flow_name(self, flow_id: uuid.UUID) -> str:
        if flow_id not in self._flow_names:
            self._flow_names[flow_id] = self._client.read_flow(flow_id).name
        return self._flow_names[flow_id]

    def _deployment_of(self, deployment_id: uuid.UUID | None) -> DeploymentResponse | None:
        if deployment_id is None:
            return None
        if time.monotonic() - self._deployments_read > _REMEMBER or not self._deployments:
            self._deployments = {found.id: found for found in self._client.read_deployments(limit=PAGE)}
            self._deployments_read = time.monotonic()
        return self._deployments.get(deployment_id)

    def _set_if(
        self, job_id: uuid.UUID, in_types: Iterable[str], state: State[Any], *, force: bool = False, named: str = ""
    ) -> bool:
        """Set a run's state only while its present one is of these types (and, where given, of this name).

        The server looks and writes itself, milliseconds apart, where reading first and setting after would leave a
        started run time to get away.
        """
        wanted: dict[str, Any] = {"type": {"any_": list(in_types)}}
        if named:
            wanted["name"] = {"any_": [named]}
        answer = self._ask(
            "/flow_runs/bulk_set_state",
            flow_runs={"id": {"any_": [str(job_id)]}, "state": wanted},
            state=new_state(state),
            force=force,
            limit=1,
        )
        return [result["status"] for result in answer["results"]] == ["ACCEPT"]

    def _forget_process(self, run: FlowRun) -> None:
        """Take the dead process's id off a run: with it, the server would wait for somebody to kill that process."""
        if run.infrastructure_pid is not None:
            self._request("PATCH", f"/flow_runs/{run.id}", {"infrastructure_pid": None})


def new_state(state: State[Any]) -> dict[str, Any]:
    """A state as the server takes it."""
    return {
        "type": state.type.value,
        "name": state.name,
        "message": state.message,
        "state_details": state.state_details.model_dump(mode="json", exclude_none=True),
    }
