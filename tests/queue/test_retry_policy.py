from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reelmill.errors import FailureClass
from reelmill.queue.retry_policy import (
    AS_ALLOWED,
    BY_HAND,
    CLASS_LABEL,
    MOST_RETRIES_LABEL,
    RETRYABLE_LABEL,
    Again,
    Failure,
    GiveUp,
    clock,
    decide,
    made_by_rule,
    recorded,
    recorded_most_retries,
)

NOW = datetime(2025, 3, 1, 10, 0, tzinfo=UTC)
KILLED = Failure(FailureClass.RUNTIME, True, "Its process was killed.")
NO_VIDEO = Failure(FailureClass.INPUT, False, "a.mp4 is no video.")


@pytest.mark.parametrize(("used", "minutes"), [(0, 2), (1, 4), (2, 8), (3, 16)])
def test_a_retry_comes_after_2_4_8_minutes(used: int, minutes: int) -> None:
    again = decide(KILLED, used=used, limit=4, now=NOW)
    assert isinstance(again, Again)
    assert (again.retry, again.at) == (used + 1, NOW + timedelta(minutes=minutes))


@pytest.mark.parametrize("limit", range(5))
def test_there_are_as_many_retries_as_the_limit_allows(limit: int) -> None:
    decisions = [decide(KILLED, used=used, limit=limit, now=NOW) for used in range(limit + 2)]
    assert [isinstance(decision, Again) for decision in decisions] == [True] * limit + [False] * 2
    assert decisions[limit:] == [GiveUp(dead_letter=True)] * 2


@pytest.mark.parametrize("used", range(4))
def test_what_waiting_cannot_help_is_given_up_at_once_and_is_no_dead_letter(used: int) -> None:
    assert decide(NO_VIDEO, used=used, limit=3, now=NOW) == GiveUp(dead_letter=False)


def test_a_failure_may_be_worth_fewer_retries_than_a_job_may_have() -> None:
    rejected = Failure(FailureClass.RUNTIME, True, "It is black.", most_retries=1)
    again = decide(rejected, used=0, limit=3, now=NOW)
    assert isinstance(again, Again)
    assert again.message.startswith("Retry 1 of 1 at ")
    assert decide(rejected, used=1, limit=3, now=NOW) == GiveUp(dead_letter=True)
    assert decide(rejected, used=0, limit=0, now=NOW) == GiveUp(dead_letter=True)


@pytest.mark.parametrize(
    ("label", "most"), [({}, None), ({MOST_RETRIES_LABEL: AS_ALLOWED}, None), ({MOST_RETRIES_LABEL: 1}, 1)]
)
def test_how_often_it_is_worth_one_is_read_back(label: dict[str, Any], most: int | None) -> None:
    assert recorded_most_retries(label) == most


def test_the_message_counts_and_names_the_time_and_the_cause() -> None:
    again = decide(KILLED, used=1, limit=3, now=NOW)
    assert isinstance(again, Again)
    assert again.message == f"Retry 2 of 3 at {clock(NOW + timedelta(minutes=4))}: Its process was killed."


def test_the_time_is_the_nodes_own() -> None:
    assert clock(NOW) == NOW.astimezone().strftime("%H:%M:%S")


def test_the_base_is_what_the_powers_of_two_are_counted_in() -> None:
    again = decide(KILLED, used=2, limit=3, now=NOW, base=timedelta(seconds=0.5))
    assert isinstance(again, Again)
    assert again.at == NOW + timedelta(seconds=4)


@given(st.integers(0, 12), st.integers(0, 12), st.text())
def test_the_rule_knows_its_own_messages(used: int, limit: int, cause: str) -> None:
    decision = decide(Failure(FailureClass.RUNTIME, True, cause), used=used, limit=limit, now=NOW)
    assert isinstance(decision, Again) == (used < limit)
    if isinstance(decision, Again):
        assert made_by_rule("AwaitingRetry", decision.message)
        assert decision.message.endswith(cause)


@pytest.mark.parametrize(
    ("state_name", "message", "ours"),
    [
        pytest.param("AwaitingRetry", "Retry from the UI", False, id="Prefect's own UI"),
        pytest.param("AwaitingRetry", BY_HAND, False, id="our own by hand"),
        pytest.param("AwaitingRetry", f"{BY_HAND}: it was the disk", False, id="by hand with a reason"),
        pytest.param("AwaitingRetry", None, False, id="a person's with no message"),
        pytest.param("AwaitingRetry", "", False, id="a person's with an empty message"),
        pytest.param("AwaitingRetry", "It said: Retry 1 of 3 at 10:00:00: no", False, id="ours quoted within another"),
        pytest.param("AwaitingRetry", "Retry 1 of 3 at 10:00:00: killed", True, id="ours"),
        pytest.param("AwaitingRetry", "Retry 12 of 30 at 10:00:00: killed", True, id="ours of two digits"),
        pytest.param("Scheduled", None, True, id="no retry at all"),
        pytest.param("Late", "Retry from the UI", True, id="only a retry's message is looked at"),
    ],
)
def test_a_retry_by_a_person_differs_from_the_rules_own(state_name: str, message: str | None, ours: bool) -> None:
    assert made_by_rule(state_name, message) is ours


@pytest.mark.parametrize(
    ("labels", "found"),
    [
        pytest.param({}, None, id="no hook ran"),
        pytest.param({"prefect.flow.id": "7"}, None, id="only others' labels"),
        pytest.param({RETRYABLE_LABEL: True}, None, id="half a record is none"),
        pytest.param({CLASS_LABEL: ""}, None, id="wiped when a person sent it back"),
        pytest.param({CLASS_LABEL: "timeout", RETRYABLE_LABEL: True}, (FailureClass.TIMEOUT, True), id="can help"),
        pytest.param({CLASS_LABEL: "input_error", RETRYABLE_LABEL: False}, (FailureClass.INPUT, False), id="cannot"),
        pytest.param({CLASS_LABEL: "user_error"}, (FailureClass.USER, False), id="unsaid is no"),
        pytest.param(
            {CLASS_LABEL: "of_a_later_version", RETRYABLE_LABEL: True}, (FailureClass.RUNTIME, True), id="unknown"
        ),
    ],
)
def test_what_the_hook_recorded_is_read_back(labels: dict[str, Any], found: tuple[FailureClass, bool] | None) -> None:
    assert recorded(labels) == found


@pytest.mark.parametrize("failure_class", FailureClass)
def test_every_class_is_read_back_from_its_label(failure_class: FailureClass) -> None:
    assert recorded({CLASS_LABEL: failure_class.value, RETRYABLE_LABEL: True}) == (failure_class, True)
