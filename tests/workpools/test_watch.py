from __future__ import annotations

import uuid
from typing import Final

import pytest
from prefect.client.schemas.objects import State, StateType
from prefect.states import Cancelling, Pending, Running

from workpools.watch import Held, Verdict, judge

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
    assert judge(state_type) is _VERDICTS[state_type]


def test_every_verdict_is_some_states() -> None:
    assert set(_VERDICTS.values()) == set(Verdict)


def test_a_new_state_is_noted_and_told() -> None:
    held = Held(uuid.uuid4(), Pending())
    held.saw(Cancelling())
    assert held.changed.is_set()
    assert held.verdict is Verdict.CANCEL


def test_the_same_state_seen_again_is_no_news() -> None:
    state: State = Running()
    held = Held(uuid.uuid4(), state)
    held.saw(state.model_copy())
    assert not held.changed.is_set()


def test_another_state_of_the_same_type_is_news() -> None:
    held = Held(uuid.uuid4(), Running())
    held.saw(Running())
    assert held.changed.is_set()
