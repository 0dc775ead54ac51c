"""Jobs are steered: sent back, cancelled, paused, resumed.

The server takes far more changes of state than make sense (a completed run may become cancelled, a cancelled one may
start), so each of these sets a state only while the present one is what it was decided on.
"""

from __future__ import annotations

import getpass
import os
import uuid
from collections.abc import Sequence
from datetime import datetime
from itertools import pairwise
from typing import Any, Final, NamedTuple

from prefect.client.schemas.objects import FlowRun, State, StateType
from prefect.client.schemas.responses import SetStateStatus
from prefect.exceptions import ObjectNotFound
from prefect.states import AwaitingRetry, Cancelled, Cancelling, Scheduled, Suspended

from reelmill.dispatch.runs.job_chains import JobChains, public_id, successor_id
from reelmill.dispatch.runs.job_filter import JobFilter, request_body
from reelmill.dispatch.runs.reading import ORDER
from reelmill.dispatch.server.connection import Connection
from reelmill.errors import Contention, UserError, WrongStatus
from reelmill.queue.actor import Actor, Origin
from reelmill.queue.job import AWAITING_RETRY, SUSPENDED, WAITING_FOR_VRAM, JobStatus, status_of
from reelmill.queue.retry_policy import ANNOUNCED_LABEL, BY_HAND, DEAD_LETTER, NOT_ANNOUNCED, clock
from reelmill.settings import get_settings

#: A line of the log of a job that somebody has cancelled; programs look for it.
CANCELLED_LINE: Final = "--- JOB CANCELLED BY ADMIN ---"

_TRIES: Final = 10
_BETWEEN: Final = 0.2  # seconds; a worker takes about a second over starting a process


def this_user(origin: Origin = "python") -> Actor:
    """Whoever runs this process, on this node.

    Args:
        origin: through what.

    Returns:
        The actor, ``user@node``.
    """
    try:
        user = getpass.getuser()
    except (OSError, KeyError):  # an account without a name, as containers have
        user = f"user {os.getuid()}"
    return Actor(f"{user}@{get_settings().node_name}", origin=origin)


class SteeredJob(NamedTuple):
    """A job, after something was done to it."""

    public_id: uuid.UUID
    run_id: uuid.UUID  # of the run that stands for it
    changed: bool = True  # False: it was so already


class Control:
    """Changes what happens to a job, which any of its ids names; ``Jobs`` documents each operation."""

    def __init__(self, connection: Connection, chains: JobChains):
        self._connection, self._chains = connection, chains

    def retry(self, job_id: uuid.UUID, by: Actor) -> SteeredJob:
        """See ``Jobs.retry``."""
        run = self._chains.present(job_id)
        job_id, state = run.id, _state(run)
        if state.type not in (StateType.FAILED, StateType.CRASHED, StateType.CANCELLED):
            only = "only a failed or cancelled job can be sent back"
            raise WrongStatus(f"The job {public_id(run)} is {_status(state)}; {only}.", _status(state))
        if successor_id(run) is not None:  # and that was deleted
            raise WrongStatus(f"The job {public_id(run)} was replaced; {state.message}.", _status(state))
        self._require_deployment(run)
        self._connection.forget_process(run)
        if DEAD_LETTER in run.tags:  # before it starts again: its next failure may bring the tag back
            tags = [tag for tag in run.tags if tag != DEAD_LETTER]
            self._connection.client.update_flow_run(job_id, tags=tags)
        if ANNOUNCED_LABEL in run.labels:  # it may fail before it runs, which would look like the same try
            self._connection.client.update_flow_run_labels(job_id, {ANNOUNCED_LABEL: NOT_ANNOUNCED})
        attempt = retry_count(self._history(job_id)) + 1  # before it goes back: nothing that was done may look undone
        now = self._connection.clock.now()
        retry: State[Any] = AwaitingRetry(scheduled_time=now, message=f"{BY_HAND} at {clock(now)}")
        if not self._connection.set_state_if(job_id, [state.type.value], retry):
            raise _contention(run, "has changed this very moment; look at it again")
        self._connection.log_line([job_id], by.did("sent back"))
        self._connection.log_line([job_id], f"--- RETRY ATTEMPT {attempt} ---")
        return _steered(run)

    def _require_deployment(self, run: FlowRun) -> None:
        """Refuse a job whose deployment is gone: a worker would cancel it."""
        if run.deployment_id is None:
            return
        try:
            self._connection.client.read_deployment(run.deployment_id)
        except ObjectNotFound as error:
            why = "its deployment is gone; submit the same job anew"
            raise UserError(f"The job {run.id} cannot be sent back: {why}.") from error

    def dead_letters(self) -> list[uuid.UUID]:
        """Every job that is out of retries."""
        body = request_body(JobFilter(statuses=(JobStatus.FAILED,), dead_letter=True), self._connection.clock.now())
        return [run.id for run in self._connection.filter_runs({**body, "sort": ORDER})]

    def cancel(self, job_id: uuid.UUID, by: Actor) -> SteeredJob:
        """See ``Jobs.cancel``."""
        for _ in range(_TRIES):
            run = self._chains.present(job_id)
            job_id, state = run.id, _state(run)
            if state.is_final():
                raise WrongStatus(f"The job {public_id(run)} is over: it is {_status(state)}.", _status(state))
            if state.is_cancelling():
                return _steered(run, changed=False)
            if self._cancel_from(job_id, state, by):
                self._connection.log_line([job_id], by.did("cancelled"))
                self._connection.log_line([job_id], CANCELLED_LINE)
                return _steered(run)
        raise _contention(run, "changes at this very moment; cancel it again")

    def _cancel_from(self, job_id: uuid.UUID, state: State[Any], by: Actor) -> bool:
        # A forced state would overwrite what the worker has set meanwhile. A run that is being started has a process
        # soon: its worker must stop that, as it must that of a running one.
        new: State[Any] = (Cancelled if waits(state) else Cancelling)(message=by.did("Cancelled"))
        return self._connection.set_state_if(job_id, [state.type.value], new, named=state.name or "")

    def pause(self, job_id: uuid.UUID, by: Actor) -> SteeredJob:
        """See ``Jobs.pause``."""
        for _ in range(_TRIES):
            run = self._chains.present(job_id)
            job_id, state = run.id, _state(run)
            if state.is_paused():
                return _steered(run, changed=False)
            if state.is_final() or state.is_cancelling():
                raise WrongStatus(f"The job {public_id(run)} cannot be paused: it is {_status(state)}.", _status(state))
            if self._suspend_from(run, state, by):
                self._connection.log_line([job_id], by.did("paused"))
                return _steered(run)
            self._connection.clock.sleep(_BETWEEN)
        raise _contention(run, "is just being started; pause it again in a moment")

    def _suspend_from(self, run: FlowRun, state: State[Any], by: Actor) -> bool:
        suspended: State[Any] = Suspended(timeout_seconds=None, message=by.did("Paused"))
        if waits(state):
            return self._suspend_waiting(run, state, suspended)
        return state.is_running() and self._suspend_running(run, suspended)

    def _suspend_waiting(self, run: FlowRun, state: State[Any], suspended: State[Any]) -> bool:
        """Suspend a waiting run; forced, since Prefect suspends running flows only, and so undone over a final state.

        Args:
            run: which.
            state: its present one.
            suspended: the new one.

        Returns:
            Whether it was still in that state.

        Raises:
            WrongStatus: the run ended meanwhile.
        """
        if not self._connection.set_state_if(run.id, [state.type.value], suspended, force=True, named=state.name or ""):
            return False
        *_, before, _ = self._history(run.id)
        if not before.is_final():
            return True
        self._connection.client.set_flow_run_state(run.id, before, force=True)
        raise WrongStatus(f"The job {public_id(run)} cannot be paused: it is {_status(before)}.", _status(before))

    def _suspend_running(self, run: FlowRun, suspended: State[Any]) -> bool:
        response = self._connection.client.set_flow_run_state(run.id, suspended)
        if response.status is SetStateStatus.ACCEPT:
            return True
        if _state(self._connection.read_run(run.id)).is_running():
            why = getattr(response.details, "reason", None) or "Prefect does not say why"
            raise UserError(f"The job {public_id(run)} cannot be paused: {why}")
        return False

    def resume(self, job_id: uuid.UUID, by: Actor) -> SteeredJob:
        """See ``Jobs.resume``."""
        run = self._chains.present(job_id)
        job_id, state = run.id, _state(run)
        if not state.is_paused():
            raise WrongStatus(f"The job {public_id(run)} is not paused: it is {_status(state)}.", _status(state))
        if state.name != SUSPENDED:  # its process is alive and waits for this
            self._connection.client.resume_flow_run(job_id)
            self._connection.log_line([job_id], by.did("resumed"))
            return _steered(run)
        self._connection.forget_process(run)
        # Unforced, Prefect would take the run for one that goes on where it stopped.
        if not self._connection.set_state_if(job_id, ["PAUSED"], self.lane_state(run), force=True, named=SUSPENDED):
            raise _contention(run, "has changed this very moment; look at it again")
        self._connection.log_line([job_id], by.did("resumed"))
        return _steered(run)

    def lane_state(self, run: FlowRun) -> State[Any]:
        """The state that puts a run where it last waited in its lane."""
        waited = [state for state in self._history(run.id) if state.type is StateType.SCHEDULED]
        if not waited:
            return Scheduled(scheduled_time=run.expected_start_time or self._connection.clock.now())
        return rescheduled(waited[-1], waited[-1].state_details.scheduled_time or self._connection.clock.now())

    def _history(self, job_id: uuid.UUID) -> list[State[Any]]:
        return sorted(self._connection.client.read_flow_run_states(job_id), key=lambda state: state.timestamp)


def retry_count(states: Sequence[State[Any]]) -> int:
    """How often a job was tried again, by the retry rule or by a person (pure).

    Args:
        states: every one it has been in, the first first.

    Returns:
        How often it went back into its lane after it was over: a pause while it waits there is no retry.
    """
    return sum(new.name == AWAITING_RETRY and old.is_final() for old, new in pairwise(states))


def rescheduled(state: State[Any], at: datetime) -> State[Any]:
    """A state of type SCHEDULED with another time; a retry stays one, because counting begins anew without."""
    if state.name == AWAITING_RETRY:
        return AwaitingRetry(scheduled_time=at, message=state.message)
    return Scheduled(scheduled_time=at)


def waits(state: State[Any]) -> bool:
    """Whether a run in this state has no process, nor is one being started."""
    return state.type is StateType.SCHEDULED or state.name in (WAITING_FOR_VRAM, SUSPENDED)


def _steered(run: FlowRun, *, changed: bool = True) -> SteeredJob:
    return SteeredJob(public_id(run), run.id, changed)


def _state(run: FlowRun) -> State[Any]:
    return run.state if run.state is not None else Scheduled()


def _status(state: State[Any]) -> str:
    return str(status_of(state.type.value, state.name or ""))


def _contention(run: FlowRun, what: str) -> Contention:
    return Contention(f"The job {public_id(run)} {what}.", str(public_id(run)))
