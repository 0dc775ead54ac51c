"""Jobs come out: one, a page of them, their logs and states, each with the reason why it waits."""

from __future__ import annotations

import logging
import time
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Final

from prefect.client.schemas.filters import (
    ArtifactFilter,
    ArtifactFilterType,
    FlowRunFilter,
    FlowRunFilterId,
    LogFilter,
    LogFilterFlowRunId,
)
from prefect.client.schemas.objects import FlowRun
from prefect.client.schemas.sorting import LogSort

from reelmill import jobs
from reelmill.dispatch.connection import PAGE, told
from reelmill.dispatch.filters import Asked, wanted
from reelmill.dispatch.present import Present
from reelmill.errors import UserError
from reelmill.jobs import Job, JobStatus
from reelmill.waiting import waiting_reason

#: ``Reading.list`` hides the type of that name from its neighbours.
Jobs = list[Job]

_ASK_AGAIN: Final = 0.5  # seconds between looks at jobs that are waited for


@dataclass(frozen=True)
class Page:
    """Some of the jobs that were asked for."""

    jobs: Jobs
    page: int  # 1 is the first
    pages: int
    total: int  # jobs on all pages


@dataclass(frozen=True)
class LogLine:
    """One line of a job's log."""

    time: datetime
    level: str  # INFO, WARNING, …
    text: str


@dataclass(frozen=True)
class StateChange:
    """One state a job has been in."""

    time: datetime
    status: JobStatus
    state: str  # Prefect's own name for it
    message: str | None


class Reading(Present):
    """Looking at jobs."""

    @told
    def read(self, job_id: uuid.UUID) -> Job:
        """One job.

        Raises:
            UserError: there is none of this id.
            PlatformError: the server is away.
        """
        return self._explained([self._run(job_id)])[0]

    @told
    def list(self, asked: Asked | None = None, *, page: int = 1, size: int = 50) -> Page:
        """A page of jobs, those due last first.

        Args:
            asked: which; None: all that are due.
            page: 1 is the first.
            size: jobs on a page, 1 to 200.

        Raises:
            UserError: there can be no such page.
            PlatformError: the server is away.
        """
        if page < 1 or not 1 <= size <= PAGE:
            raise UserError(f"Page {page} of {size} jobs cannot be: pages count from 1 and hold 1 to {PAGE} jobs.")
        body = wanted(asked or Asked(), datetime.now(UTC))
        answer = self._ask("/flow_runs/paginate", sort="EXPECTED_START_TIME_DESC", page=page, limit=size, **body)
        found = [FlowRun.model_validate(run) for run in answer["results"]]
        return Page(self._explained(found), page, answer["pages"], answer["count"])

    @told
    def log(self, job_id: uuid.UUID, tail: int = 100) -> Sequence[LogLine]:
        """The last lines of a job's log, in the order they were written.

        Args:
            job_id: the job.
            tail: how many lines at most.

        Raises:
            UserError: there is no job of this id.
            PlatformError: the server is away.
        """
        self._run(job_id)
        chosen = LogFilter(flow_run_id=LogFilterFlowRunId(any_=[job_id]))
        lines: list[LogLine] = []
        while len(lines) < tail:
            limit = min(PAGE, tail - len(lines))
            found = self._client.read_logs(
                log_filter=chosen, sort=LogSort.TIMESTAMP_DESC, limit=limit, offset=len(lines)
            )
            lines += [LogLine(log.timestamp, logging.getLevelName(log.level), log.message) for log in found]
            if len(found) < limit:
                break
        return lines[::-1]

    @told
    def states(self, job_id: uuid.UUID) -> Sequence[StateChange]:
        """Every state a job has been in, the first first.

        Raises:
            UserError: there is no job of this id.
            PlatformError: the server is away.
        """
        self._run(job_id)
        history = sorted(self._client.read_flow_run_states(job_id), key=lambda state: state.timestamp)
        return [
            StateChange(state.timestamp, jobs.status(state.type.value, name), name, jobs.reason(state.message))
            for state in history
            for name in [state.name or state.type.value.capitalize()]
        ]

    @told
    def progress(self, job_ids: Sequence[uuid.UUID]) -> dict[uuid.UUID, float]:
        """The latest progress, 0 to 1, of those of these jobs that have reported any: one question for all."""
        if not job_ids:
            return {}
        artifacts = self._client.read_artifacts(
            artifact_filter=ArtifactFilter(type=ArtifactFilterType(any_=["progress"])),
            flow_run_filter=FlowRunFilter(id=FlowRunFilterId(any_=[*job_ids])),
            limit=PAGE,
        )
        return {
            artifact.flow_run_id: float(artifact.data) / 100
            for artifact in artifacts
            if artifact.flow_run_id is not None and isinstance(artifact.data, (int, float))
        }

    @told
    def wait(
        self,
        job_ids: Sequence[uuid.UUID],
        *,
        on_look: Callable[[Jobs, dict[uuid.UUID, float]], None] | None = None,
    ) -> Jobs:
        """Wait until every one of these jobs is over; answers with them in the same order.

        Args:
            job_ids: the jobs.
            on_look: told, at each look, how they and their progress are.
        """
        while True:
            runs = self._runs(job_ids)
            found = dict(zip([run.id for run in runs], self._jobs(runs), strict=True))
            current = [found[job_id] for job_id in job_ids if job_id in found]
            if on_look is not None:
                on_look(current, self.progress(job_ids))
            if all(job.over for job in current):
                return current
            time.sleep(_ASK_AGAIN)

    def _explained(self, runs: Sequence[FlowRun]) -> Jobs:
        """As jobs that say why they wait; the site is asked once for all, and only where one waits."""
        found = self._jobs(runs)
        waiting = {job.pool for job in found if job.waits}
        if not waiting:
            return found
        now = datetime.now(UTC)
        pools = self._pools_now({name for name in waiting if name is not None})
        return [
            replace(job, waiting_reason=waiting_reason(job, pools.get(job.pool or ""), now)) if job.waits else job
            for job in found
        ]
