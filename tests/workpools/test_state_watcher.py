from __future__ import annotations

import uuid
from typing import Final

import pytest
from prefect.client.schemas.objects import State, StateType
from prefect.states import Cancelling, Pending, Running

from workpools.run.state_watcher import ObservedRun, Verdict, verdict_of

_VERDICTS: Final = {
    StateType.SCHEDULED: Verdict.TAKEN_AWAY,
    StateType.PENDING: Verdict.GO_ON,
    StateType.RUNNING: Verdict.GO_ON,
    StateType.CANCELLING: Verdict.CANCEL,
    StateType.CANCELLED: Verdict.CANCEL,
    StateType.PAUSED: Verdict.SUSPEND,
    StateType.COMPLETED: Verdict.OVER,
    StateType.FAILED: Verdict.OVER,
    StateType.CRASHED: Verdict.OVER,
}


@pytest.mark.parametrize("state_type", StateType)
def test_every_state_of_prefect_means_something_for_the_process(state_type: StateType) -> None:
    assert verdict_of(state_type) is _VERDICTS[state_type]


def test_every_verdict_is_some_states() -> None:
    assert set(_VERDICTS.values()) == set(Verdict)


def test_a_new_state_is_noted_and_signalled() -> None:
    observed = ObservedRun(uuid.uuid4(), Pending())
    observed.note_state(Cancelling())
    assert observed.changed.is_set()
    assert observed.verdict is Verdict.CANCEL


def test_the_same_state_seen_again_is_no_change() -> None:
    state: State = Running()
    observed = ObservedRun(uuid.uuid4(), state)
    observed.note_state(state.model_copy())
    assert not observed.changed.is_set()


def test_another_state_of_the_same_type_is_a_change() -> None:
    observed = ObservedRun(uuid.uuid4(), Running())
    observed.note_state(Running())
    assert observed.changed.is_set()
