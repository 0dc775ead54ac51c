"""Jobs come out: one, a page of them, their progress and states."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, TypeAlias

from prefect.client.schemas.filters import (
    ArtifactFilter,
    ArtifactFilterKey,
    ArtifactFilterType,
    FlowRunFilter,
    FlowRunFilterId,
)
from prefect.client.schemas.objects import FlowRun
from prefect.client.schemas.sorting import ArtifactSort

from reelmill.dispatch.runs.job_filter import JobFilter, request_body
from reelmill.dispatch.runs.job_views import JobViews
from reelmill.dispatch.server.connection import PAGE, Connection
from reelmill.errors import WrongParameter
from reelmill.queue import progress_pace
from reelmill.queue.job import Job, JobStatus, plain_reason, status_of
from reelmill.queue.result_key import result_key, without_images

#: The last due first.
ORDER: Final = "EXPECTED_START_TIME_DESC"

_POLL_SECONDS: Final = 0.5  # between two readings of jobs that are waited for


@dataclass(frozen=True)
class JobPage:
    """Some of the jobs that a filter chooses."""

    jobs: list[Job]
    page: int  # 1 is the first
    pages: int
    total: int  # jobs on all pages


@dataclass(frozen=True)
class Progress:
    """How far a job is."""

    fraction: float  # 0 to 1
    text: str  # of what is being done
    speed: float | None = None  # seconds of video a second; None where it has none, or is not known yet
    eta_seconds: float | None = None  # that are left, as they were estimated when it was reported


@dataclass(frozen=True)
class StateChange:
    """One state a job has been in."""

    time: datetime
    status: JobStatus
    state: str  # Prefect's own name for it
    message: str | None


#: Called with jobs that are waited for, and their progress.
OnPoll: TypeAlias = Callable[[list[Job], dict[uuid.UUID, Progress]], None]


class Reading:
    """Reads what the server knows of jobs; ``Jobs`` documents each operation."""

    def __init__(self, connection: Connection, views: JobViews):
        self._connection, self._views, self._chains = connection, views, views.chains

    def search(self, job_filter: JobFilter, page: int, size: int) -> JobPage:
        """See ``Jobs.search``."""
        if page < 1 or not 1 <= size <= PAGE:
            raise WrongParameter(
                f"Page {page} of {size} jobs cannot be: pages count from 1 and hold 1 to {PAGE} jobs.", "page", page
            )
        body = request_body(job_filter, self._connection.clock.now())
        response = self._connection.post("/flow_runs/paginate", sort=ORDER, page=page, limit=size, **body)
        runs = [FlowRun.model_validate(run) for run in response["results"]]
        return JobPage(self._views.explained(runs), page, response["pages"], response["count"])

    def states(self, job_id: uuid.UUID) -> list[StateChange]:
        """See ``Jobs.states``."""
        read = self._connection.client.read_flow_run_states
        history = [state for run in self._chains.runs(job_id) for state in read(run.id)]
        return [
            StateChange(state.timestamp, status_of(state.type.value, name), name, plain_reason(state.message))
            for state in sorted(history, key=lambda state: state.timestamp)
            for name in [state.name or state.type.value.capitalize()]
        ]

    def progress(self, job_ids: Sequence[uuid.UUID]) -> dict[uuid.UUID, Progress]:
        """See ``Jobs.progress``."""
        found = self._reported(job_ids)
        # A job that runs has reported; only of the others it is asked whether another run stands for them now.
        silent = [job_id for job_id in job_ids if job_id not in found]
        moved = {run.id: job_id for job_id, run in self._chains.present_of(silent).items() if run.id != job_id}
        return found | {moved[run_id]: progress for run_id, progress in self._reported(list(moved)).items()}

    def _reported(self, run_ids: Sequence[uuid.UUID]) -> dict[uuid.UUID, Progress]:
        if not run_ids:
            return {}
        artifacts = self._connection.client.read_artifacts(
            artifact_filter=ArtifactFilter(type=ArtifactFilterType(any_=["progress"])),
            flow_run_filter=FlowRunFilter(id=FlowRunFilterId(any_=[*run_ids])),
            sort=ArtifactSort.UPDATED_DESC,
            limit=PAGE,
        )
        found: dict[uuid.UUID, Progress] = {}
        for artifact in artifacts[::-1]:  # of a job's bars the one that moved last counts
            progress = progress_of(artifact.data, artifact.description, artifact.metadata_)
            if artifact.flow_run_id is not None and progress is not None:
                found[artifact.flow_run_id] = progress
        return found

    def result_card(self, job_id: uuid.UUID) -> str | None:
        """See ``Jobs.card``."""
        shown = self._result_card(job_id)
        present = {} if shown is not None else self._chains.present_of([job_id])
        moved = [run.id for run in present.values() if run.id != job_id]
        return self._result_card(moved[0]) if moved else shown

    def _result_card(self, run_id: uuid.UUID) -> str | None:
        found = self._connection.client.read_artifacts(
            artifact_filter=ArtifactFilter(key=ArtifactFilterKey(any_=[result_key(run_id)])),
            sort=ArtifactSort.CREATED_DESC,
            limit=1,
        )
        return without_images(str(found[0].data)) if found else None

    def wait(
        self, job_ids: Sequence[uuid.UUID], on_poll: OnPoll | None, *, explain: bool, until_over: bool
    ) -> list[Job]:
        """See ``Jobs.wait``."""
        while True:
            present = self._chains.present_of(job_ids)
            runs = list({run.id: run for run in present.values()}.values())
            views = self._views.explained(runs) if explain else self._views.of(runs)
            jobs = dict(zip([run.id for run in runs], views, strict=True))
            current = [jobs[present[job_id].id] for job_id in job_ids if job_id in present]
            if on_poll is not None:
                on_poll(current, self._reported([job.id for job in current]))
            if all(job.over for job in current) or not until_over:
                return current
            self._connection.clock.sleep(_POLL_SECONDS * (2 if explain else 1))  # explaining takes more questions


def progress_of(data: object, description: str | None, metadata: Mapping[str, Any] | None) -> Progress | None:
    """The progress that a run's progress bar shows (pure).

    Args:
        data: of the artifact: percent.
        description: of it: the text.
        metadata: of it: speed and seconds left, as text, which is all that Prefect takes there.

    Returns:
        The progress; None for an artifact that holds none.
    """
    if not isinstance(data, (int, float)):
        return None
    pace = progress_pace.from_metadata(metadata or {})
    return Progress(float(data) / 100, description or "", pace.speed, pace.eta_seconds)
