"""A job's place: another lane, or the front of its own."""

from __future__ import annotations

import uuid
from datetime import datetime, timedelta
from typing import Any, Final

from prefect.client.schemas.objects import FlowRun, State, StateType
from prefect.states import Cancelled, Scheduled, Suspended

from reelmill.dispatch.runs.control import Control, SteeredJob, rescheduled, waits
from reelmill.dispatch.runs.job_chains import public_id
from reelmill.dispatch.runs.job_views import JobViews
from reelmill.dispatch.server.connection import Connection, new_state
from reelmill.errors import Contention, UserError, WrongStatus
from reelmill.queue.actor import Actor
from reelmill.queue.job import SUSPENDED
from reelmill.queue.job_chain import JOB_LABEL, REPLACED, later_tags, replaced_message, takes_place_message
from reelmill.queue.retry_policy import CLASS_LABEL, RETRIES_LABEL

_TRIES: Final = 5
_BETWEEN: Final = 0.1  # seconds

#: Labels that go with the work. Those about one attempt stay: attempts are counted anew.
_CARRIED: Final = (RETRIES_LABEL, CLASS_LABEL)


class Ranking:
    """Moves waiting jobs; ``Jobs`` documents each operation."""

    def __init__(self, connection: Connection, views: JobViews, control: Control):
        self._connection, self._views, self._control = connection, views, control

    def move_to_lane(self, job_id: uuid.UUID, lane: str, by: Actor) -> SteeredJob:
        """Put a waiting job into another lane; see ``Jobs.prioritise``.

        Args:
            job_id: the job, by any of its ids.
            lane: one that exists.
            by: who wants that.

        Returns:
            The job, with the run that now stands for it; unchanged where it is in that lane already.

        Raises:
            UserError: there is no such job, or it does not wait.
            Contention: it has started meanwhile.
        """
        run, state = self._waiting(job_id)
        if run.work_queue_name == lane:
            return SteeredJob(public_id(run), run.id, changed=False)
        if run.deployment_id is None:
            raise UserError(f"The job {job_id} was started without a deployment and is in no lane.")
        # Suspended until the old one is cancelled, so that the two never run both; whatever ends us in between leaves
        # a paused job that a person finds and resumes.
        new_id = self.create_suspended(run, lane)
        place = self._control.lane_state(run) if state.name != SUSPENDED else None
        moved = by.did(f"moved from the lane {run.work_queue_name} to {lane}")
        if not self._cancel_replaced(run.id, state, _replaced(new_id, moved)):
            back = _replaced(run.id, "it has started meanwhile")
            self._connection.client.set_flow_run_state(new_id, back, force=True)
            raise Contention(
                f"The job {job_id} has started meanwhile; it stays in the lane {run.work_queue_name}.", str(job_id)
            )
        if place is not None:
            self._connection.set_state_if(new_id, ["PAUSED"], place, force=True, named=SUSPENDED)
        # The old run's state has the same sentence, so that the log of the job, which is that of both, has it once.
        self._connection.log_line([new_id], f"{moved}; the run {new_id} takes the place of {run.id}")
        return SteeredJob(public_id(run), new_id)

    def move_to_front(self, job_id: uuid.UUID, by: Actor) -> SteeredJob:
        """See ``Jobs.move_to_front``."""
        run, state = self._waiting(job_id)
        unchanged = SteeredJob(public_id(run), run.id, changed=False)
        job_id = unchanged.public_id  # by which messages name it
        if state.type is not StateType.SCHEDULED:
            raise Contention(f"The job {job_id} is not in its lane any more: it is {state.name}.", str(job_id))
        first, now = self._first(run), self._connection.clock.now()
        if first.id == run.id and _due(run, now):
            return unchanged
        at = min(first.next_scheduled_start_time or now, now) - timedelta(seconds=1)
        if not self._connection.set_state_if(run.id, ["SCHEDULED"], rescheduled(state, at), named=state.name or ""):
            raise Contention(f"The job {job_id} has started meanwhile.", str(job_id))
        self._connection.log_line([run.id], by.did("moved to the front of its lane"))
        return unchanged._replace(changed=True)

    def _waiting(self, job_id: uuid.UUID) -> tuple[FlowRun, State[Any]]:
        run = self._views.chains.present(job_id)
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
        created = self._connection.post(
            f"/deployments/{run.deployment_id}/create_flow_run",
            name=run.name,
            parameters=run.parameters,
            tags=later_tags(public_id(run), run.id, run.tags),
            labels={
                **{name: value for name, value in run.labels.items() if name in _CARRIED},
                JOB_LABEL: str(public_id(run)),
            },
            job_variables=run.job_variables or {},
            work_queue_name=lane,
            state=new_state(Suspended(timeout_seconds=None, message=takes_place_message(run.id))),
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


def _replaced(run_id: uuid.UUID, why: str) -> State[Any]:
    return Cancelled(name=REPLACED, message=replaced_message(run_id, why))


def _due(run: FlowRun, now: datetime) -> bool:
    return run.next_scheduled_start_time is not None and run.next_scheduled_start_time <= now
