from __future__ import annotations

from typing import Any

import pytest
from prefect.client.schemas.objects import State
from prefect.states import Crashed, Failed

from reelmill.errors import FailureClass
from reelmill.queue.retry_policy import CLASS_LABEL, MOST_RETRIES_LABEL, RETRIES_LABEL, RETRYABLE_LABEL, Failure
from reelmill.settings import get_settings
from workpools.run.finalizer import failure_of, retries_used, retry_limit

# --- how a run ended --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("state", "labels", "failure"),
    [
        pytest.param(
            Failed(message="a.mp4 is no video."),
            {CLASS_LABEL: "input_error", RETRYABLE_LABEL: False},
            Failure(FailureClass.INPUT, False, "a.mp4 is no video."),
            id="what the hook recorded counts",
        ),
        pytest.param(
            Failed(message="Flow run encountered an exception: NotAVideo: a.mp4 is no video."),
            {CLASS_LABEL: "input_error"},
            Failure(FailureClass.INPUT, False, "a.mp4 is no video."),
            id="the error's own sentence without Prefect's",
        ),
        pytest.param(
            Crashed(message="Its process was killed by signal 9."),
            {},
            Failure(FailureClass.RUNTIME, True, "Its process was killed by signal 9."),
            id="killed before any hook ran",
        ),
        pytest.param(
            Failed(name="TimedOut", message="Flow run exceeded timeout of 5.0 second(s)"),
            {},
            Failure(FailureClass.TIMEOUT, True, "Flow run exceeded timeout of 5.0 second(s)"),
            id="timed out",
        ),
        pytest.param(
            Failed(name="TimedOut", message="too long"),
            {CLASS_LABEL: "resource_error", RETRYABLE_LABEL: True},
            Failure(FailureClass.RESOURCE, True, "too long"),
            id="the hook's word before the state's name",
        ),
        pytest.param(
            Failed(message="It is black."),
            {CLASS_LABEL: "runtime_error", RETRYABLE_LABEL: True, MOST_RETRIES_LABEL: 1},
            Failure(FailureClass.RUNTIME, True, "It is black.", most_retries=1),
            id="worth one retry",
        ),
        pytest.param(
            Crashed(),
            {},
            Failure(FailureClass.RUNTIME, True, "it ended without a word"),
            id="no message",
        ),
        pytest.param(
            Failed(message=""),
            {RETRIES_LABEL: 2},
            Failure(FailureClass.RUNTIME, True, "it ended without a word"),
            id="an empty message",
        ),
    ],
)
def test_a_failed_state_and_its_labels_say_how_it_ended(state: State, labels: dict[str, Any], failure: Failure) -> None:
    assert failure_of(state, labels) == failure


@pytest.mark.parametrize(
    ("labels", "used"),
    [({}, 0), ({RETRIES_LABEL: 0}, 0), ({RETRIES_LABEL: 2}, 2), ({RETRIES_LABEL: "2"}, 2), ({RETRIES_LABEL: 2.0}, 2)],
    ids=["none yet", "begun anew", "two", "two as text", "two as a JSON number"],
)
def test_the_retries_used_up_stand_on_the_run(labels: dict[str, Any], used: int) -> None:
    assert retries_used(labels) == used


# --- how many retries a run may have ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("job_variables", "limit"),
    [
        pytest.param((), 7, id="nobody says"),
        pytest.param((None, {}, {"vram_mb": 4000}), 7, id="none of them says"),
        pytest.param(({"max_retries": None},), 7, id="left empty in the form"),
        pytest.param(({"max_retries": 1},), 1, id="the job says"),
        pytest.param(({"max_retries": 0},), 0, id="none at all is an answer"),
        pytest.param(({"max_retries": 0}, {"max_retries": 5}), 0, id="the first that says, also none"),
        pytest.param((None, {"max_retries": None}, {"max_retries": 5}), 5, id="the first that says, late"),
        pytest.param(({"max_retries": "2"},), 2, id="as text"),
    ],
)
def test_the_limit_is_the_first_that_is_said_else_the_machines(
    job_variables: tuple[dict[str, Any] | None, ...], limit: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REELMILL_MAX_RETRIES", "7")
    get_settings.cache_clear()
    assert retry_limit(*job_variables) == limit
