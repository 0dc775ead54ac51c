from __future__ import annotations

import pytest
from prefect.client.schemas.objects import StateType

from reelmill import jobs
from reelmill.errors import UserError
from reelmill.jobs import JobStatus


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
