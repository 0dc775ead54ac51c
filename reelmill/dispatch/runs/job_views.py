"""Runs as jobs: what the run itself does not hold is read once and remembered."""

from __future__ import annotations

import math
import uuid
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Final

from prefect.client.schemas.objects import FlowRun

from reelmill.dispatch.runs.job_chains import JobChains
from reelmill.dispatch.server.connection import Connection, read_pages
from reelmill.dispatch.server.site_state import SiteState
from reelmill.queue.job import Job, RunFacts, job_view
from reelmill.queue.job_variables import form_defaults, merged
from reelmill.queue.waiting_reason import waiting_reason
from reelmill.settings import get_settings

_REMEMBER: Final = 10.0  # seconds that the variables of pools and deployments are remembered


class JobViews:
    """Makes jobs of flow runs."""

    def __init__(self, connection: Connection, site: SiteState):
        self._connection, self._site = connection, site
        self.chains = JobChains(connection)
        self._flow_names: dict[uuid.UUID, str] = {}
        self._of_pool: dict[str, dict[str, Any]] = {}
        self._of_deployment: dict[uuid.UUID, dict[str, Any]] = {}
        self._read_at = -math.inf

    def of(self, runs: Sequence[FlowRun]) -> list[Job]:
        """The jobs that these runs are, without the reasons why they wait."""
        now, max_retries = self._connection.clock.now(), get_settings().max_retries
        return [job_view(self._facts(run), now, max_retries) for run in runs]

    def explained(self, runs: Sequence[FlowRun]) -> list[Job]:
        """The jobs that these runs are, with the reasons why they wait.

        The site is read once for all, and only where one waits.

        Args:
            runs: as read from the server.

        Returns:
            A job for each, in the same order.
        """
        jobs = self.of(runs)
        waiting = {job.pool for job in jobs if job.waits}
        if not waiting:
            return jobs
        now = self._connection.clock.now()
        pools = self._site.pools_now({name for name in waiting if name is not None})
        return [
            replace(job, waiting_reason=waiting_reason(job, pools.get(job.pool or ""), now)) if job.waits else job
            for job in jobs
        ]

    def read(self, job_id: uuid.UUID) -> Job:
        """One job as the server has it now, by any of its ids, with the reason why it waits."""
        return self.explained([self.chains.present(job_id)])[0]

    def _facts(self, run: FlowRun) -> RunFacts:
        # A run without a state exists for the moment between its two insertions.
        state = run.state
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
            variables=merged(*self._shared_variables(run), run.job_variables),
            attempt=run.run_count,
            created=run.created,
            started=run.start_time,
            ended=run.end_time,
        )

    def _flow_name(self, flow_id: uuid.UUID) -> str:
        if flow_id not in self._flow_names:
            self._flow_names[flow_id] = self._connection.client.read_flow(flow_id).name
        return self._flow_names[flow_id]

    def _shared_variables(self, run: FlowRun) -> tuple[dict[str, Any], dict[str, Any]]:
        """Job variables that the run's pool and its deployment give to every run."""
        if run.deployment_id is None:
            return {}, {}
        if self._connection.clock.monotonic() - self._read_at > _REMEMBER:
            read = self._connection.client.read_deployments
            deployments = read_pages(lambda limit, offset: read(limit=limit, offset=offset))
            self._of_deployment = {found.id: found.job_variables or {} for found in deployments}
            self._of_pool = {name: form_defaults(pool.base_job_template) for name, pool in self._site.pools().items()}
            self._read_at = self._connection.clock.monotonic()
        return self._of_pool.get(run.work_pool_name or "", {}), self._of_deployment.get(run.deployment_id, {})
