"""A job's place: another lane, or the front of its own."""

from __future__ import annotations

import time
import uuid
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from prefect.client.schemas.objects import FlowRun, State, StateType
from prefect.states import Cancelled, Scheduled, Suspended

from reelmill import jobs
from reelmill.dispatch.connection import new_state, told
from reelmill.dispatch.control import REPLACED, Control, again, waits
from reelmill.errors import UserError
from reelmill.jobs import SUSPENDED, Job
from reelmill.scheduling.retries import CLASS_LABEL, RETRIES_LABEL

#: What the tag begins with that names the job whose place a job took.
REPLACES: Final = "replaces:"

_TRIES: Final = 5
_BETWEEN: Final = 0.1  # seconds

#: Labels that go with the work. Those about one attempt stay: attempts are counted anew.
_CARRIED: Final = (RETRIES_LABEL, CLASS_LABEL)


class Ranking(Control):
    """Moving waiting jobs."""

    @told
    def prioritise(
        self, job_id: uuid.UUID, priority: int | None = None, *, queue: str | None = None, level: str | None = None
    ) -> Job:
        """Move a waiting job to another lane; answers with the job that now stands for it, of another id.

        Prefect cannot change a run's queue, so the same job is put there and the old one cancelled, naming the new.

        Args:
            job_id: the job.
            priority: 1 (first) to 10,
            queue: or the same said as live, default, batch or idle,
            level: and high, medium or low.

        Raises:
            UserError: there is no such job or lane, it does not wait, or it has started meanwhile.
            PlatformError: the server is away.
        """
        lane = jobs.resolve_lane(priority, queue, level)
        run, state = self._waiting(job_id)
        if run.work_queue_name == lane:
            return self.read(job_id)
        if run.deployment_id is None:
            raise UserError(f"The job {job_id} was started without a deployment and is in no lane.")
        # Held until the old one is cancelled, so that the two never run both; whatever ends us in between leaves a
        # paused job that a person finds and resumes.
        new_id = self._held_copy(run, lane)
        if not self._give_way(job_id, state, new_id, lane):
            message = f"{REPLACES}{job_id} came to nothing: that job has started"
            self._client.set_flow_run_state(new_id, Cancelled(message=message), force=True)
            raise UserError(f"The job {job_id} has started meanwhile; it stays in the lane {run.work_queue_name}.")
        if state.name != SUSPENDED:
            self._set_if(new_id, ["PAUSED"], self._place(run), force=True, named=SUSPENDED)
        return self.read(new_id)

    @told
    def move_to_front(self, job_id: uuid.UUID) -> Job:
        """Make a waiting job the next of its lane.

        Raises:
            UserError: there is none of this id, or it does not wait in a lane.
            PlatformError: the server is away.
        """
        run, state = self._waiting(job_id)
        if state.type is not StateType.SCHEDULED:
            raise UserError(f"The job {job_id} is not in its lane any more: it is {state.name}.")
        first = self._first(run)
        if first.id == run.id and _past(run):
            return self.read(job_id)
        now = datetime.now(UTC)
        at = min(first.next_scheduled_start_time or now, now) - timedelta(seconds=1)
        if not self._set_if(job_id, ["SCHEDULED"], again(state, at), named=state.name or ""):
            raise UserError(f"The job {job_id} has started meanwhile.")
        return self.read(job_id)

    def _waiting(self, job_id: uuid.UUID) -> tuple[FlowRun, State[Any]]:
        run = self._run(job_id)
        job, state = self._job(run), run.state or Scheduled()
        if job.not_due:
            raise UserError(f"The job {job_id} is not due before {job.scheduled:%d %B %H:%M}; change its schedule.")
        if not waits(state):
            raise UserError(f"The job {job_id} does not wait: it is {job.status}.")
        return run, state

    def _first(self, run: FlowRun) -> FlowRun:
        """The run of the same lane that is served next."""
        answer = self._ask(
            "/flow_runs/filter",
            sort="NEXT_SCHEDULED_START_TIME_ASC",
            limit=1,
            flow_runs={"state": {"type": {"any_": ["SCHEDULED"]}}},
            work_pools={"name": {"any_": [run.work_pool_name]}},
            work_pool_queues={"name": {"any_": [run.work_queue_name]}},
        )
        return FlowRun.model_validate(answer[0]) if answer else run

    def _held_copy(self, run: FlowRun, lane: str) -> uuid.UUID:
        tags = [tag for tag in run.tags if not tag.startswith(REPLACES)]
        answer = self._ask(
            f"/deployments/{run.deployment_id}/create_flow_run",
            name=run.name,
            parameters=run.parameters,
            tags=[*tags, f"{REPLACES}{run.id}"],
            labels={name: value for name, value in run.labels.items() if name in _CARRIED},
            job_variables=run.job_variables or {},
            work_queue_name=lane,
            state=new_state(Suspended(timeout_seconds=None, message=f"takes the place of {run.id}")),
        )
        return uuid.UUID(answer["id"])

    def _give_way(self, job_id: uuid.UUID, state: State[Any], new_id: uuid.UUID, lane: str) -> bool:
        gone: State[Any] = Cancelled(message=f"{REPLACED} {new_id} in the lane {lane}")
        for _ in range(_TRIES):
            if self._set_if(job_id, [state.type.value], gone, named=state.name or ""):
                return True
            # The server has marked it late, or its worker is stating a new reason: it waits all the same.
            time.sleep(_BETWEEN)
            state = self._run(job_id).state or state
            if not waits(state):
                return False
        return False


def _past(run: FlowRun) -> bool:
    return run.next_scheduled_start_time is not None and run.next_scheduled_start_time <= datetime.now(UTC)
