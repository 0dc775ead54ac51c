"""Jobs are steered: sent back, cancelled, paused, resumed.

The server takes far more changes of state than make sense (a completed run may become cancelled, a cancelled one may
start), so each of these sets a state only while the present one is what it was decided on.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, Final

from prefect.client.schemas.objects import FlowRun, State, StateType
from prefect.client.schemas.responses import SetStateStatus
from prefect.states import AwaitingRetry, Cancelled, Cancelling, Scheduled, Suspended

from reelmill import jobs
from reelmill.dispatch.connection import told
from reelmill.dispatch.filters import Asked
from reelmill.dispatch.reading import Reading
from reelmill.errors import UserError
from reelmill.jobs import AWAITING_RETRY, SUSPENDED, WAITING_FOR_VRAM, Job, JobStatus
from reelmill.scheduling.retries import BY_HAND, DEAD_LETTER, clock

#: What the message of a cancelled job begins with that another has taken the place of.
REPLACED: Final = "Replaced by"

_TRIES: Final = 10
_BETWEEN: Final = 0.2  # seconds; a worker takes about a second over starting a process


class Control(Reading):
    """Changing what happens to a job."""

    @told
    def retry(self, job_id: uuid.UUID) -> Job:
        """Send a failed or cancelled job back at once, with its log and a fresh count of retries.

        Raises:
            UserError: there is none of this id, or it waits, runs, has completed or was replaced.
            PlatformError: the server is away.
        """
        run = self._run(job_id)
        state = _state(run)
        if state.type not in (StateType.FAILED, StateType.CRASHED, StateType.CANCELLED):
            raise UserError(f"The job {job_id} is {_called(state)}; only a failed or cancelled job can be sent back.")
        if (state.message or "").startswith(REPLACED):
            raise UserError(f"The job {job_id} was replaced; {state.message}.")
        self._forget_process(run)
        if DEAD_LETTER in run.tags:  # before it starts again: its next failure may bring the tag back
            self._client.update_flow_run(job_id, tags=[tag for tag in run.tags if tag != DEAD_LETTER])
        now = _now()
        sent: State[Any] = AwaitingRetry(scheduled_time=now, message=f"{BY_HAND} at {clock(now)}")
        if not self._set_if(job_id, [state.type.value], sent):
            raise UserError(f"The job {job_id} has changed this very moment; look at it again.")
        return self._explained([self._run(job_id)])[0]

    @told
    def retry_dead_letters(self) -> Sequence[Job]:
        """Send back every job that is out of retries; answers with those sent.

        Raises:
            PlatformError: the server is away.
        """
        asked = Asked(statuses=(JobStatus.FAILED,), dead_letter=True)
        pages = [self.list(asked, size=200)]
        while len(pages) < pages[0].pages:
            pages.append(self.list(asked, page=len(pages) + 1, size=200))
        sent = []
        for job in [job for page in pages for job in page.jobs]:
            try:
                sent.append(self.retry(job.id))
            except UserError:  # somebody else was quicker
                continue
        return sent

    @told
    def cancel(self, job_id: uuid.UUID) -> Job:
        """Cancel a job: at once where it waits; where it runs its worker stops it, and it is running until then.

        Raises:
            UserError: there is none of this id, or it is over.
            PlatformError: the server is away.
        """
        for _ in range(_TRIES):
            state = _state(self._run(job_id))
            if state.is_final():
                raise UserError(f"The job {job_id} is over: it is {_called(state)}.")
            if state.is_cancelling() or self._cancel_from(job_id, state):
                return self._explained([self._run(job_id)])[0]
        raise UserError(f"The job {job_id} changes at this very moment; cancel it again.")

    def _cancel_from(self, job_id: uuid.UUID, state: State[Any]) -> bool:
        # A forced state would overwrite what the worker has set meanwhile. A run that is being started has a process
        # soon: its worker must stop that, so it is asked as for a running one.
        wanted = Cancelled if waits(state) else Cancelling
        return self._set_if(job_id, [state.type.value], wanted(message="Cancelled by hand"), named=state.name or "")

    @told
    def pause(self, job_id: uuid.UUID) -> Job:
        """Hold a job: a waiting one keeps its place, a running one is stopped and later begun again.

        Raises:
            UserError: there is none of this id, it is over or being cancelled, or the server does not let it be held.
            PlatformError: the server is away.
        """
        for _ in range(_TRIES):
            state = _state(self._run(job_id))
            if state.is_paused():
                return self.read(job_id)
            if state.is_final() or state.is_cancelling():
                raise UserError(f"The job {job_id} cannot be paused: it is {_called(state)}.")
            if self._hold(job_id, state):
                return self._explained([self._run(job_id)])[0]
            time.sleep(_BETWEEN)
        raise UserError(f"The job {job_id} is just being started; pause it again in a moment.")

    def _hold(self, job_id: uuid.UUID, state: State[Any]) -> bool:
        if waits(state):
            return self._hold_waiting(job_id, state)
        return state.is_running() and self._hold_running(job_id)

    def _hold_waiting(self, job_id: uuid.UUID, state: State[Any]) -> bool:
        """Prefect suspends running flows only, so this is forced; hence the look at what it was put over."""
        held: State[Any] = Suspended(timeout_seconds=None, message="Paused by an admin")
        if not self._set_if(job_id, [state.type.value], held, force=True, named=state.name or ""):
            return False
        *_, before, _ = self._history(job_id)
        if not before.is_final():
            return True
        self._client.set_flow_run_state(job_id, before, force=True)
        raise UserError(f"The job {job_id} cannot be paused: it is {_called(before)}.")

    def _hold_running(self, job_id: uuid.UUID) -> bool:
        held: State[Any] = Suspended(timeout_seconds=None, message="Paused by an admin")
        answer = self._client.set_flow_run_state(job_id, held)
        if answer.status is SetStateStatus.ACCEPT:
            return True
        if _state(self._run(job_id)).is_running():
            why = getattr(answer.details, "reason", None) or "Prefect does not say why"
            raise UserError(f"The job {job_id} cannot be paused: {why}")
        return False

    @told
    def resume(self, job_id: uuid.UUID) -> Job:
        """Let a paused job go on, in the place in its lane that it had.

        Raises:
            UserError: there is none of this id, or it is not paused.
            PlatformError: the server is away.
        """
        run = self._run(job_id)
        state = _state(run)
        if not state.is_paused():
            raise UserError(f"The job {job_id} is not paused: it is {_called(state)}.")
        if state.name != SUSPENDED:  # its process is alive and waits for this
            self._client.resume_flow_run(job_id)
            return self.read(job_id)
        self._forget_process(run)
        # Unforced, Prefect would take the run for one that goes on where it stopped.
        if not self._set_if(job_id, ["PAUSED"], self._place(run), force=True, named=SUSPENDED):
            raise UserError(f"The job {job_id} has changed this very moment; look at it again.")
        return self._explained([self._run(job_id)])[0]

    def _history(self, job_id: uuid.UUID) -> list[State[Any]]:
        return sorted(self._client.read_flow_run_states(job_id), key=lambda state: state.timestamp)

    def _place(self, run: FlowRun) -> State[Any]:
        """The state that puts a run where it last waited in its lane."""
        waited = [state for state in self._history(run.id) if state.type is StateType.SCHEDULED]
        if not waited:
            return Scheduled(scheduled_time=run.expected_start_time or _now())
        return again(waited[-1], waited[-1].state_details.scheduled_time or _now())


def again(state: State[Any], at: datetime) -> State[Any]:
    """A state of type SCHEDULED with another time; a retry stays one, because counting begins anew without."""
    if state.name == AWAITING_RETRY:
        return AwaitingRetry(scheduled_time=at, message=state.message)
    return Scheduled(scheduled_time=at)


def waits(state: State[Any]) -> bool:
    """Whether a run in this state has no process, nor is one being started."""
    return state.type is StateType.SCHEDULED or state.name in (WAITING_FOR_VRAM, SUSPENDED)


def _state(run: FlowRun) -> State[Any]:
    return run.state if run.state is not None else Scheduled()


def _called(state: State[Any]) -> str:
    return str(jobs.status(state.type.value, state.name or ""))


def _now() -> datetime:
    return datetime.now(UTC)
