from __future__ import annotations

import uuid
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from prefect.client.schemas.objects import StateType

from reelmill import jobs
from reelmill.errors import FailureClass, UserError
from reelmill.jobs import JobStatus, RunFacts

NOW = datetime(2026, 5, 4, 12, 0, tzinfo=UTC)

RUN = RunFacts(
    id=uuid.uuid4(),
    name="quiet-otter",
    type="reencode",
    state_type="SCHEDULED",
    state_name="Scheduled",
    message=None,
    scheduled=NOW - timedelta(minutes=1),
    expected=NOW - timedelta(minutes=1),
    parameters={"video_id": "7"},
    pool="gpu_encode",
    lane="batch-low",
    tags=("gpu_encode",),
    labels={},
    variables={"vram_mb": 4000},
    attempt=0,
    created=NOW - timedelta(minutes=1),
    started=None,
    ended=None,
)


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
        ("FAILED", "Failed", JobStatus.FAILED),
        ("FAILED", "TimedOut", JobStatus.FAILED),
        ("CRASHED", "Crashed", JobStatus.FAILED),
        ("CANCELLED", "Cancelled", JobStatus.CANCELLED),
        ("PAUSED", "Paused", JobStatus.PAUSED),
        ("PAUSED", "Suspended", JobStatus.PAUSED),
    ],
)
def test_status_of_every_prefect_state(state_type: str, name: str, expected: JobStatus) -> None:
    assert jobs.status(state_type, name) is expected


def test_every_state_type_prefect_has_is_known() -> None:
    for state_type in StateType:
        assert jobs.status(state_type.value, "any")


def test_a_priority_and_a_lane_are_the_same_thing_said_twice() -> None:
    assert [jobs.priority_of(jobs.lane(priority)) for priority in range(1, 11)] == list(range(1, 11))
    assert jobs.lane(jobs.DEFAULT_PRIORITY) == "default-medium"
    assert jobs.priority_of("somebody-elses") is None
    assert jobs.priority_of(None) is None


@pytest.mark.parametrize("priority", [0, 11, -1])
def test_a_priority_out_of_range_is_refused(priority: int) -> None:
    with pytest.raises(UserError, match=f"Priority {priority} does not exist; it goes from 1"):
        jobs.lane(priority)


def test_older_names_lead_to_the_flows_name() -> None:
    assert jobs.canonical("reencode_streaming") == "reencode"
    assert jobs.canonical("digest_generate") == "digest"
    assert jobs.canonical("scan") == "scan"


@pytest.mark.parametrize(
    ("message", "told"),
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
def test_a_failures_own_sentence_is_told(message: str | None, told: str | None) -> None:
    assert jobs.reason(message) == told


@pytest.mark.parametrize("priority", range(1, 11))
def test_a_queue_and_level_are_a_priority_said_in_words(priority: int) -> None:
    queue, _, level = jobs.lane(priority).partition("-")
    assert jobs.resolve_lane(queue=queue, level=level or None) == jobs.resolve_lane(priority)
    assert jobs.resolve_lane(queue=jobs.lane(priority)) == jobs.lane(priority)


def test_what_is_left_out_of_a_lane_is_the_middle() -> None:
    assert jobs.resolve_lane() == "default-medium"
    assert jobs.resolve_lane(queue="live") == "live-medium"
    assert jobs.resolve_lane(level="high") == "default-high"
    assert jobs.resolve_lane(queue="idle") == "idle"


@pytest.mark.parametrize(
    ("priority", "queue", "level", "words"),
    [
        (5, "live", None, "not both"),
        (5, None, "high", "not both"),
        (0, None, None, "Priority 0 does not exist"),
        (None, "urgent", None, "'urgent' does not exist; there are live, default, batch, idle"),
        (None, "live", "top", "'top' does not exist; there are high, medium, low"),
        (None, "idle", "low", "idle has no levels"),
        (None, "live-high", "low", "'live-high' does not exist"),
    ],
)
def test_a_lane_that_makes_no_sense_is_refused(
    priority: int | None, queue: str | None, level: str | None, words: str
) -> None:
    with pytest.raises(UserError, match=words):
        jobs.resolve_lane(priority, queue, level)


def test_a_view_says_what_the_run_holds() -> None:
    job = jobs.view(RUN, NOW)
    assert (job.status, job.state, job.lane, job.priority) == (JobStatus.PENDING, "Scheduled", "batch-low", 9)
    assert (job.vram_mb, job.retries, job.max_retries, job.attempt) == (4000, 0, jobs.DEFAULT_MAX_RETRIES, 0)
    assert (job.waits, job.not_due, job.over, job.dead_letter) == (True, False, False, False)


def test_a_job_variable_that_an_admin_typed_as_text_counts() -> None:
    typed = replace(RUN, variables={"vram_mb": "6000", "max_retries": "1"})
    assert (jobs.view(typed, NOW).vram_mb, jobs.view(typed, NOW).max_retries) == (6000, 1)
    assert jobs.view(replace(RUN, variables={"vram_mb": "much"}), NOW).vram_mb == 0


def test_a_run_made_ahead_is_not_waiting_and_a_retry_ahead_is() -> None:
    ahead = replace(RUN, scheduled=NOW + timedelta(hours=3))
    assert jobs.view(ahead, NOW).not_due
    assert not jobs.view(ahead, NOW).waits
    retry = jobs.view(replace(ahead, state_name="AwaitingRetry", labels={"reelmill.retries": 2}), NOW)
    assert (retry.waits, retry.not_due, retry.retries, retry.retry_at) == (True, False, 2, ahead.scheduled)
    assert not jobs.view(replace(RUN, scheduled=NOW + timedelta(seconds=1)), NOW).not_due  # clocks differ


def test_a_failure_is_told_until_the_job_has_completed() -> None:
    labels = {"reelmill.failure-class": "resource_error", "reelmill.retries": 3}
    failed = replace(RUN, state_type="FAILED", state_name="Failed", tags=("dead-letter",), labels=labels, ended=NOW)
    job = jobs.view(failed, NOW)
    assert (job.failure_class, job.dead_letter, job.over, job.ended) == (FailureClass.RESOURCE, True, True, NOW)
    again = jobs.view(replace(failed, state_type="RUNNING", state_name="Running"), NOW)
    assert (again.failure_class, again.dead_letter, again.ended) == (FailureClass.RESOURCE, False, None)
    done = jobs.view(replace(failed, state_type="COMPLETED", state_name="Completed"), NOW)
    assert done.failure_class is None
    assert jobs.view(replace(failed, labels={"reelmill.failure-class": "bad luck"}), NOW).failure_class is None


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
    assert jobs.view(failed, NOW).over is over
