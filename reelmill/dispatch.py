"""The one module of the library that talks to Prefect: hand jobs in, and read how they are doing."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final

import httpx
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.filters import (
    ArtifactFilter,
    ArtifactFilterType,
    FlowRunFilter,
    FlowRunFilterId,
)
from prefect.client.schemas.objects import FlowRun
from prefect.client.schemas.responses import DeploymentResponse
from prefect.exceptions import ObjectNotFound, PrefectHTTPStatusError

from reelmill import jobs
from reelmill.errors import PlatformError, UserError
from reelmill.jobs import Job

_ASK_AGAIN: Final = 0.5  # seconds between looks at jobs that are waited for
_PREFERRED_POOLS: Final = ("gpu_encode", "gpu_ai", "cpu")


class Dispatcher:
    """Jobs of the site whose Prefect server this process is pointed at."""

    def __init__(self, client: SyncPrefectClient):
        self._client = client
        self._flow_names: dict[uuid.UUID, str] = {}

    def submit(
        self,
        job_type: str,
        parameters: dict[str, Any] | None = None,
        *,
        pool: str | None = None,
        priority: int = jobs.DEFAULT_PRIORITY,
    ) -> Job:
        """Put a job into its lane.

        Args:
            job_type: name of the job type, an older one included.
            parameters: of its flow.
            pool: which of its deployments; None takes the one that may use a GPU where there are two.
            priority: 1 (first) to 10.

        Raises:
            UserError: no such job type, pool or priority, or parameters the flow does not take.
        """
        deployment = self._deployment(jobs.canonical(job_type), pool)
        try:
            run = self._client.create_flow_run_from_deployment(
                deployment.id,
                parameters=parameters or {},
                work_queue_name=jobs.lane(priority),
                tags=deployment.tags,
            )
        except PrefectHTTPStatusError as error:
            if error.response.status_code != httpx.codes.CONFLICT:
                raise
            raise UserError(f"{job_type} does not take these parameters: {_detail(error.response)}") from error
        return self._job(run, jobs.canonical(job_type))

    def read(self, job_id: uuid.UUID) -> Job:
        """One job.

        Raises:
            UserError: there is none of this id.
        """
        try:
            run = self._client.read_flow_run(job_id)
        except ObjectNotFound as error:
            raise UserError(f"No job has the id {job_id}.") from error
        return self._job(run, None)

    def progress(self, job_ids: Sequence[uuid.UUID]) -> dict[uuid.UUID, float]:
        """The latest progress, 0 to 1, of those of these jobs that have reported any: one question for all."""
        if not job_ids:
            return {}
        artifacts = self._client.read_artifacts(
            artifact_filter=ArtifactFilter(type=ArtifactFilterType(any_=["progress"])),
            flow_run_filter=FlowRunFilter(id=FlowRunFilterId(any_=list(job_ids))),
            limit=200,
        )
        return {
            artifact.flow_run_id: float(artifact.data) / 100
            for artifact in artifacts
            if artifact.flow_run_id is not None and isinstance(artifact.data, (int, float))
        }

    def wait(
        self,
        job_ids: Sequence[uuid.UUID],
        *,
        on_look: Callable[[list[Job], dict[uuid.UUID, float]], None] | None = None,
    ) -> list[Job]:
        """Wait until every one of these jobs is over; answers with them in the same order."""
        while True:
            found = {run.id: self._job(run, None) for run in self._runs(job_ids)}
            current = [found[job_id] for job_id in job_ids if job_id in found]
            if on_look is not None:
                on_look(current, self.progress(job_ids))
            if all(job.over for job in current):
                return current
            time.sleep(_ASK_AGAIN)

    def _runs(self, job_ids: Sequence[uuid.UUID]) -> list[FlowRun]:
        page = 200  # the server's own limit
        runs: list[FlowRun] = []
        for start in range(0, len(job_ids), page):
            chosen = FlowRunFilter(id=FlowRunFilterId(any_=list(job_ids[start : start + page])))
            runs += self._client.read_flow_runs(flow_run_filter=chosen, limit=page)
        return runs

    def _deployment(self, job_type: str, pool: str | None) -> DeploymentResponse:
        for name in (pool,) if pool is not None else _PREFERRED_POOLS:
            try:
                return self._client.read_deployment_by_name(f"{job_type}/{name}")
            except ObjectNotFound:
                continue
        where = "" if pool is None else f" in the pool {pool}"
        raise UserError(
            f"No job type {job_type!r} is deployed{where}; `reelmill deploy` deploys what prefect.yaml lists."
        )

    def _job(self, run: FlowRun, job_type: str | None) -> Job:
        state = run.state
        return Job(
            id=run.id,
            type=job_type or self._flow_name(run.flow_id),
            status=jobs.status(state.type.value, state.name)
            if state is not None and state.name
            else jobs.JobStatus.PENDING,
            parameters=run.parameters,
            pool=run.work_pool_name,
            priority=jobs.priority_of(run.work_queue_name),
            message=jobs.reason(state.message) if state is not None else None,
            created=run.created,
            started=run.start_time,
            ended=run.end_time,
        )

    def _flow_name(self, flow_id: uuid.UUID) -> str:
        if flow_id not in self._flow_names:
            self._flow_names[flow_id] = self._client.read_flow(flow_id).name
        return self._flow_names[flow_id]


@contextmanager
def dispatcher() -> Iterator[Dispatcher]:
    """A dispatcher on the Prefect server in force (``PREFECT_API_URL`` or the active profile).

    Raises:
        PlatformError: it does not answer.
    """
    try:
        with get_client(sync_client=True) as client:
            yield Dispatcher(client)
    except httpx.ConnectError as error:
        raise PlatformError("The Prefect server does not answer; is the site up? (`reelmill up`)") from error


def _detail(response: httpx.Response) -> str:
    try:
        return str(response.json()["detail"])
    except (ValueError, KeyError, TypeError):
        return response.text
