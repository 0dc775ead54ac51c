"""How jobs ended, read of Prefect's tables: one that was sent back adds what it did since, and nothing twice."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Final

import pytest
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import generate_latest
from prometheus_client.parser import text_string_to_metric_families

from reelmill.dispatch.snapshot import SiteNow
from reelmill.dispatch.tables.endings import Ending
from reelmill.dispatch.tables.job_reader import JobReader
from reelmill.dispatch.tables.prefect_tables import STATE_TYPES
from reelmill.metrics.site_collector import SiteCollector
from reelmill.queue.job import FINAL, JobStatus
from reelmill.queue.retry_policy import BY_HAND, RETRIES_LABEL, RETRYABLE_LABEL
from tests.metrics.prefect_database import State, write_run

pytestmark = pytest.mark.usefixtures("prefect_tables")

_HANDED_IN: Final[State] = ("SCHEDULED", "Scheduled", None, 10)
_BY_RULE: Final[State] = ("SCHEDULED", "AwaitingRetry", "Retry 1 of 3 at 10:42:00: full", 30)
_SENT_BACK: Final[State] = ("SCHEDULED", "AwaitingRetry", f"{BY_HAND} at 10:42:00", 7)
_COMPLETED: Final[State] = ("COMPLETED", "Completed", None, 0)
_CANCELLED: Final[State] = ("CANCELLED", "Cancelled", None, 0)
_SUSPENDED: Final[State] = ("PAUSED", "Suspended", None, 500)


def _running(seconds: float) -> State:
    return ("RUNNING", "Running", None, seconds)


def _failed(until_next: float = 0) -> State:
    return ("FAILED", "Failed", None, until_next)


def _ending() -> Ending:
    (only,) = JobReader(dict).endings()
    return only


def test_all_tries_of_the_retry_rule_are_one_duration() -> None:
    write_run([_HANDED_IN, _running(60), _failed(1), _BY_RULE, _running(20), _COMPLETED])
    assert (_ending().seconds, _ending().waited) == (80, 10)


def test_a_job_that_was_sent_back_by_hand_adds_what_it_did_since() -> None:
    write_run([_HANDED_IN, _running(60), _failed(900), _SENT_BACK, _running(5), _failed(1), _BY_RULE, _running(20),
               _COMPLETED])  # fmt: skip
    assert (_ending().seconds, _ending().waited) == (25, 7)


def test_a_pause_after_it_was_sent_back_begins_nothing_anew() -> None:
    """To resume repeats the state that the job waited in."""
    write_run([_HANDED_IN, _running(60), _failed(900), _SENT_BACK, _running(5), _SUSPENDED, _SENT_BACK, _running(20),
               _COMPLETED])  # fmt: skip
    assert (_ending().seconds, _ending().waited) == (25, 7)


def test_one_that_is_cancelled_before_it_starts_again_adds_neither_time_nor_retries() -> None:
    write_run([_HANDED_IN, _running(60), _failed(900), _SENT_BACK, _CANCELLED], labels={RETRIES_LABEL: 3})
    assert (_ending().seconds, _ending().waited, _ending().retries) == (0, None, 0)


def test_one_that_crashed_before_its_first_start_keeps_its_retries() -> None:
    write_run([_HANDED_IN, _failed()], labels={RETRIES_LABEL: 3, RETRYABLE_LABEL: False})
    assert (_ending().seconds, _ending().waited, _ending().retries) == (0, None, 3)


def test_jobs_that_await_a_retry_are_counted_by_lane_and_not_in_the_queue() -> None:
    later = datetime.now(UTC) + timedelta(hours=1)
    for next_start in (later, later, datetime.now(UTC)):
        write_run([_HANDED_IN, _running(60), _failed(1), _BY_RULE], next_start)
    assert JobReader(dict).awaiting_retry() == {"default-medium": 2}
    write_run([_HANDED_IN, _running(60), _failed(1), _BY_RULE], later, work_queue_id=None)
    assert JobReader(dict).awaiting_retry() == {"default-medium": 2, "": 1}
    found = _scraped()
    assert (found["media_queue_length"], found["media_jobs_awaiting_retry"], found["media_jobs_pending"]) == (1, 3, 4)


def test_the_jobs_under_way_are_all_that_are_due_and_not_over() -> None:
    now = datetime.now(UTC)
    for kind in STATE_TYPES:
        write_run([_HANDED_IN, (kind, kind.capitalize(), None, 0)])
    write_run([("SCHEDULED", "Scheduled", None, 0)], expected_start_time=now + timedelta(days=1))
    write_run([("SCHEDULED", "AwaitingConcurrencySlot", None, 0)], work_queue_id=None)
    reader = JobReader(dict)
    found = reader.under_way()
    assert found == [count for count in reader.counts() if count.status not in FINAL]
    assert {(count.status, count.lane): count.jobs for count in found} == {
        (JobStatus.PENDING, "default-medium"): 1,
        (JobStatus.QUEUED, "default-medium"): 1,
        (JobStatus.QUEUED, ""): 1,
        (JobStatus.RUNNING, "default-medium"): 2,
        (JobStatus.PAUSED, "default-medium"): 1,
    }


def test_many_scrapes_at_once_all_read_everything_and_count_each_ending_once() -> None:
    for seconds in range(1, 21):
        write_run([_HANDED_IN, _running(seconds), _COMPLETED])
    with ThreadPoolExecutor(8) as pool:
        every = list(pool.map(lambda _: _scraped(), range(24)))
    assert len(every) == 24
    for found in every:
        assert found['media_site_up{source="database"}'] == 1
        assert found['media_jobs_total{status="completed",type="validate"}'] == 20
        assert found['media_job_duration_seconds_sum{type="validate"}'] == sum(range(1, 21))


class _Nodes:
    """A site of no nodes."""

    def now(self) -> SiteNow:
        return SiteNow((), (), (), {}, datetime.now(UTC))


def _scraped() -> dict[str, float]:
    """One scrape by a collector of its own, as the API makes one for each; by name and labels as the text has them."""
    registry = CollectorRegistry()
    registry.register(SiteCollector(JobReader(dict), _Nodes()))
    text = generate_latest(registry).decode()
    return {
        sample.name + (f"{{{labels}}}" if (labels := _labels(sample.labels)) else ""): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def _labels(labels: dict[str, str]) -> str:
    return ",".join(f'{name}="{value}"' for name, value in sorted(labels.items()))
