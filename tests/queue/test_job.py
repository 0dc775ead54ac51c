from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from prefect.client.schemas.objects import StateType

from reelmill.errors import FailureClass, UnknownName, WrongParameter
from reelmill.queue.job import (
    DEFAULT_PRIORITY,
    Job,
    JobStatus,
    RunFacts,
    canonical,
    job_view,
    lane_of,
    plain_reason,
    priority_of,
    resolve_lane,
    status_of,
)
from tests.queue.facts import NOW, RUN
from tests.refusals import refused


@pytest.mark.parametrize(
    ("state_type", "name", "expected"),
    [
        ("SCHEDULED", "Scheduled", JobStatus.PENDING),
        ("SCHEDULED", "Late", JobStatus.PENDING),
        ("SCHEDULED", "AwaitingRetry", JobStatus.PENDING),
        ("SCHEDULED", "Resuming", JobStatus.PENDING),
        ("PENDING", "Pending", JobStatus.QUEUED),
        ("PENDING", "Submitting", JobStatus.QUEUED),
        ("SCHEDULED", "AwaitingConcurrencySlot", JobStatus.QUEUED),
        ("PENDING", "WaitingForVram", JobStatus.QUEUED),
        ("RUNNING", "Running", JobStatus.RUNNING),
        ("RUNNING", "Retrying", JobStatus.RUNNING),
        ("CANCELLING", "Cancelling", JobStatus.RUNNING),
        ("COMPLETED", "Completed", JobStatus.COMPLETED),
        ("COMPLETED", "Cached", JobStatus.COMPLETED),
        ("COMPLETED", "Invalid", JobStatus.COMPLETED),
        ("FAILED", "Failed", JobStatus.FAILED),
        ("FAILED", "TimedOut", JobStatus.FAILED),
        ("CRASHED", "Crashed", JobStatus.FAILED),
        ("CANCELLED", "Cancelled", JobStatus.CANCELLED),
        ("PAUSED", "Paused", JobStatus.PAUSED),
        ("PAUSED", "Suspended", JobStatus.PAUSED),
    ],
)
def test_status_of_every_prefect_state(state_type: str, name: str, expected: JobStatus) -> None:
    assert status_of(state_type, name) is expected


def test_every_state_type_prefect_has_is_known() -> None:
    for state_type in StateType:
        assert status_of(state_type.value, "any")


def test_a_priority_and_a_lane_are_the_same_thing_said_twice() -> None:
    assert [priority_of(lane_of(priority)) for priority in range(1, 11)] == list(range(1, 11))
    assert lane_of(DEFAULT_PRIORITY) == "default-medium"
    assert priority_of("somebody-elses") is None
    assert priority_of(None) is None


@pytest.mark.parametrize("priority", [0, 11, -1])
def test_a_priority_out_of_range_is_refused(priority: int) -> None:
    with refused(WrongParameter, parameter="priority", value=priority):
        lane_of(priority)


def test_older_names_lead_to_the_flows_name() -> None:
    assert canonical("reencode_streaming") == "reencode"
    assert canonical("digest_generate") == "digest"
    assert canonical("scan") == "scan"


@pytest.mark.parametrize(
    ("message", "sentence"),
    [
        (
            "Flow run encountered an exception: UnknownVideo: No video has id 7: scan.",
            "No video has id 7: scan.",
        ),
        ("Flow run encountered an exception: KeyError", "Flow run encountered an exception: KeyError"),
        ("Worker is gone", "Worker is gone"),
        (None, None),
    ],
)
def test_a_failures_own_sentence_is_shown(message: str | None, sentence: str | None) -> None:
    assert plain_reason(message) == sentence


@pytest.mark.parametrize("priority", range(1, 11))
def test_a_queue_and_level_are_a_priority_said_in_words(priority: int) -> None:
    queue, _, level = lane_of(priority).partition("-")
    assert resolve_lane(queue=queue, level=level or None) == resolve_lane(priority)
    assert resolve_lane(queue=lane_of(priority)) == lane_of(priority)


def test_what_is_left_out_of_a_lane_is_the_middle() -> None:
    assert resolve_lane() == "default-medium"
    assert resolve_lane(queue="live") == "live-medium"
    assert resolve_lane(level="high") == "default-high"
    assert resolve_lane(queue="idle") == "idle"


@pytest.mark.parametrize(
    ("priority", "queue", "level", "refusal"),
    [
        (5, "live", None, refused(WrongParameter, parameter="priority", value=5)),
        (5, None, "high", refused(WrongParameter, parameter="priority", value=5)),
        (0, None, None, refused(WrongParameter, parameter="priority", value=0)),
        (None, "urgent", None, refused(UnknownName, name="urgent", known=("live", "default", "batch", "idle"))),
        (None, "live", "top", refused(UnknownName, name="top", known=("high", "medium", "low"))),
        (None, "idle", "low", refused(WrongParameter, parameter="level", value="low")),
        (None, "live-high", "low", refused(UnknownName, name="live-high")),
    ],
)
def test_a_lane_that_makes_no_sense_is_refused(
    priority: int | None, queue: str | None, level: str | None, refusal: refused
) -> None:
    with refusal:
        resolve_lane(priority, queue, level)


def _view(run: RunFacts) -> Job:
    return job_view(run, NOW, max_retries=7)


def test_a_view_has_what_the_run_holds() -> None:
    job = _view(RUN)
    assert (job.status, job.state, job.lane, job.priority) == (JobStatus.PENDING, "Scheduled", "batch-low", 9)
    assert (job.vram_mb, job.retries, job.max_retries, job.attempt) == (4000, 0, 7, 0)
    assert (job.waits, job.not_due, job.over, job.dead_letter) == (True, False, False, False)


def test_a_job_variable_that_an_admin_typed_as_text_counts() -> None:
    typed = replace(RUN, variables={"vram_mb": "6000", "max_retries": "1"})
    assert (_view(typed).vram_mb, _view(typed).max_retries) == (6000, 1)
    assert _view(replace(RUN, variables={"vram_mb": "much"})).vram_mb == 0


def test_a_run_made_ahead_is_not_waiting_and_a_retry_ahead_is() -> None:
    ahead = replace(RUN, scheduled=NOW + timedelta(hours=3))
    assert _view(ahead).not_due
    assert not _view(ahead).waits
    retry = _view(replace(ahead, state_name="AwaitingRetry", labels={"reelmill.retries": 2}))
    assert (retry.waits, retry.not_due, retry.retries, retry.retry_at) == (True, False, 2, ahead.scheduled)
    assert not _view(replace(RUN, scheduled=NOW + timedelta(seconds=1))).not_due  # clocks differ


def test_a_failure_is_shown_until_the_job_has_completed() -> None:
    labels = {"reelmill.failure-class": "resource_error", "reelmill.retries": 3}
    failed = replace(RUN, state_type="FAILED", state_name="Failed", tags=("dead-letter",), labels=labels, ended=NOW)
    job = _view(failed)
    assert (job.failure_class, job.dead_letter, job.over, job.ended) == (FailureClass.RESOURCE, True, True, NOW)
    again = _view(replace(failed, state_type="RUNNING", state_name="Running"))
    assert (again.failure_class, again.dead_letter, again.ended) == (FailureClass.RESOURCE, False, None)
    done = _view(replace(failed, state_type="COMPLETED", state_name="Completed"))
    assert done.failure_class is None
    assert _view(replace(failed, labels={"reelmill.failure-class": "bad luck"})).failure_class is None


@pytest.mark.parametrize(
    ("labels", "tags", "ago", "over"),
    [
        pytest.param({}, (), 1, False, id="the rule is about to be applied"),
        pytest.param({"reelmill.failure-retryable": True}, (), 1, False, id="and will say: again"),
        pytest.param({"reelmill.failure-retryable": False}, (), 1, True, id="waiting cannot help"),
        pytest.param({"reelmill.failure-retryable": True}, ("dead-letter",), 1, True, id="out of retries"),
        pytest.param({}, (), 60, True, id="nobody applies a rule here"),
    ],
)
def test_a_failure_is_the_end_once_the_retry_rule_has_given_it_up(
    labels: dict[str, object], tags: tuple[str, ...], ago: float, over: bool
) -> None:
    failed = replace(
        RUN, state_type="FAILED", state_name="Failed", labels=labels, tags=tags, ended=NOW - timedelta(seconds=ago)
    )
    assert _view(failed).over is over
