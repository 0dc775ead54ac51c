"""A job's place: another lane, or the front of its own."""

from __future__ import annotations

import uuid
from datetime import datetime, timedelta
from typing import Any, Final

from prefect.client.schemas.objects import FlowRun, State, StateType
from prefect.states import Cancelled, Scheduled, Suspended

from reelmill.dispatch.connection import Connection, new_state
from reelmill.dispatch.control import REPLACED, Control, rescheduled, waits
from reelmill.dispatch.job_views import JobViews
from reelmill.errors import UserError, WrongStatus
from reelmill.queue.actor import Actor
from reelmill.queue.job import SUSPENDED
from reelmill.queue.retry_policy import CLASS_LABEL, RETRIES_LABEL

#: What the tag begins with that names the job which a job replaces.
REPLACES: Final = "replaces:"

_TRIES: Final = 5
_BETWEEN: Final = 0.1  # seconds

#: Labels that go with the work. Those about one attempt stay: attempts are counted anew.
_CARRIED: Final = (RETRIES_LABEL, CLASS_LABEL)


class Ranking:
    """Moves waiting jobs; ``Jobs`` documents each operation."""

    def __init__(self, connection: Connection, views: JobViews, control: Control):
        self._connection, self._views, self._control = connection, views, control

    def move_to_lane(self, job_id: uuid.UUID, lane: str, by: Actor) -> uuid.UUID:
        """Put a waiting job into another lane; see ``Jobs.prioritise``.

        Args:
            job_id: the job.
            lane: one that exists.
            by: who wants that.

        Returns:
            The id of the job that now stands for it; its own where it is in that lane already.

        Raises:
            UserError: there is no such job, it does not wait, or it has started meanwhile.
        """
        run, state = self._waiting(job_id)
        if run.work_queue_name == lane:
            return job_id
        if run.deployment_id is None:
            raise UserError(f"The job {job_id} was started without a deployment and is in no lane.")
        # Suspended until the old one is cancelled, so that the two never run both; whatever ends us in between leaves
        # a paused job that a person finds and resumes.
        new_id = self.create_suspended(run, lane)
        if not self._cancel_replaced(job_id, state, Cancelled(message=f"{REPLACED} {new_id} in the lane {lane}")):
            message = f"{REPLACES}{job_id} came to nothing: that job has started"
            self._connection.client.set_flow_run_state(new_id, Cancelled(message=message), force=True)
            raise UserError(f"The job {job_id} has started meanwhile; it stays in the lane {run.work_queue_name}.")
        if state.name != SUSPENDED:
            place = self._control.lane_state(run)
            self._connection.set_state_if(new_id, ["PAUSED"], place, force=True, named=SUSPENDED)
        moved = f"moved from the lane {run.work_queue_name} to {lane}"
        self._connection.log_line([job_id, new_id], f"{by.did(moved)}; the job {new_id} takes the place of {job_id}")
        return new_id

    def move_to_front(self, job_id: uuid.UUID, by: Actor) -> None:
        """See ``Jobs.move_to_front``."""
        run, state = self._waiting(job_id)
        if state.type is not StateType.SCHEDULED:
            raise UserError(f"The job {job_id} is not in its lane any more: it is {state.name}.")
        first, now = self._first(run), self._connection.clock.now()
        if first.id == run.id and _due(run, now):
            return
        at = min(first.next_scheduled_start_time or now, now) - timedelta(seconds=1)
        if not self._connection.set_state_if(job_id, ["SCHEDULED"], rescheduled(state, at), named=state.name or ""):
            raise UserError(f"The job {job_id} has started meanwhile.")
        self._connection.log_line([job_id], by.did("moved to the front of its lane"))

    def _waiting(self, job_id: uuid.UUID) -> tuple[FlowRun, State[Any]]:
        run = self._connection.read_run(job_id)
        (job,), state = self._views.of([run]), run.state or Scheduled()
        if job.not_due:
            raise UserError(f"The job {job_id} is not due before {job.scheduled:%d %B %H:%M}; change its schedule.")
        if not waits(state):
            raise WrongStatus(f"The job {job_id} does not wait: it is {job.status}.", job.status)
        return run, state

    def _first(self, run: FlowRun) -> FlowRun:
        """The run of the same lane that is served next."""
        found = self._connection.post(
            "/flow_runs/filter",
            sort="NEXT_SCHEDULED_START_TIME_ASC",
            limit=1,
            flow_runs={"state": {"type": {"any_": ["SCHEDULED"]}}},
            work_pools={"name": {"any_": [run.work_pool_name]}},
            work_pool_queues={"name": {"any_": [run.work_queue_name]}},
        )
        return FlowRun.model_validate(found[0]) if found else run

    def create_suspended(self, run: FlowRun, lane: str) -> uuid.UUID:
        """Create the same job in another lane, suspended; its id."""
        tags = [tag for tag in run.tags if not tag.startswith(REPLACES)]
        created = self._connection.post(
            f"/deployments/{run.deployment_id}/create_flow_run",
            name=run.name,
            parameters=run.parameters,
            tags=[*tags, f"{REPLACES}{run.id}"],
            labels={name: value for name, value in run.labels.items() if name in _CARRIED},
            job_variables=run.job_variables or {},
            work_queue_name=lane,
            state=new_state(Suspended(timeout_seconds=None, message=f"takes the place of {run.id}")),
        )
        return uuid.UUID(created["id"])

    def _cancel_replaced(self, job_id: uuid.UUID, state: State[Any], cancelled: State[Any]) -> bool:
        for _ in range(_TRIES):
            if self._connection.set_state_if(job_id, [state.type.value], cancelled, named=state.name or ""):
                return True
            # The server has marked it late, or its worker is stating a new reason: it waits all the same.
            self._connection.clock.sleep(_BETWEEN)
            state = self._connection.read_run(job_id).state or state
            if not waits(state):
                return False
        return False


def _due(run: FlowRun, now: datetime) -> bool:
    return run.next_scheduled_start_time is not None and run.next_scheduled_start_time <= now
