"""Ended jobs, each counted once: by whichever process, however often read, and whatever becomes of its run."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import func, select, text

from reelmill.catalogue.engine import get_engine, session
from reelmill.catalogue.models import ArchivedJobs, TalliedEnding
from reelmill.dispatch.totals.tally import JobTally, amounts
from reelmill.queue.encode_labels import EncodeFigures
from reelmill.queue.job import JobStatus
from tests.dispatch.endings import KnownEndings, ending

_COMPLETED = ("media_jobs_total", ("validate", "completed"))
_FAILED = ("media_jobs_total", ("validate", "failed"))


@pytest.fixture(autouse=True)
def _empty(catalogue: str) -> Iterator[None]:
    _clear()
    yield
    _clear()


def _clear() -> None:
    with get_engine().begin() as connection:
        connection.execute(text("TRUNCATE catalogue.metric_total, catalogue.tallied_ending, catalogue.archived_jobs"))


def test_an_ending_is_counted_once_by_two_processes_that_scrape_in_turn() -> None:
    jobs = KnownEndings([ending(), ending()])
    first, second = JobTally(jobs), JobTally(jobs)
    assert first.update()[_COMPLETED] == 2
    assert second.update()[_COMPLETED] == 2
    jobs.present.append(ending())
    assert second.update()[_COMPLETED] == 3
    assert first.update()[_COMPLETED] == 3


def test_scrapes_at_the_same_moment_count_each_ending_once() -> None:
    jobs = KnownEndings([ending() for _ in range(50)])
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda _: JobTally(jobs).update()[_COMPLETED], range(8)))
    assert found == [50] * 8


def test_a_total_never_goes_down_when_runs_are_cleared_or_sent_back() -> None:
    failed = ending(status=JobStatus.FAILED)
    jobs = KnownEndings([ending(), failed])
    assert JobTally(jobs).update()[_FAILED] == 1
    jobs.present = []  # the first was cleared, the other is tried again by hand
    assert JobTally(jobs).update() == JobTally(jobs).update()
    again = ending(status=JobStatus.FAILED)  # another state of the same run
    jobs.present = [again]
    totals = JobTally(jobs).update()
    assert (totals[_COMPLETED], totals[_FAILED]) == (1, 2)


def test_a_run_that_is_labelled_after_its_end_is_not_counted_again() -> None:
    old, now = ending(), datetime.now(UTC)
    jobs = KnownEndings([old])
    JobTally(jobs).update()
    jobs.write_again(old, timedelta(minutes=5))
    assert JobTally(jobs).update()[_COMPLETED] == 1
    ancient = ending(written=now - timedelta(days=40), ended=now - timedelta(days=40))
    jobs.present.append(ancient)
    jobs.write_again(ancient, timedelta(days=40))  # its ending was counted in its time, and is remembered no more
    assert JobTally(jobs).update()[_COMPLETED] == 1


def _read_last(ago: timedelta) -> None:
    """As after a time in which nobody scraped."""
    with get_engine().begin() as connection:
        connection.execute(text("UPDATE catalogue.tallied_ending SET seen_at = seen_at - :ago"), {"ago": ago})


def test_endings_between_two_scrapes_days_apart_are_counted_once() -> None:
    then = datetime.now(UTC) - timedelta(days=2)
    jobs = KnownEndings([ending(written=then, ended=then)])
    JobTally(KnownEndings([ending()])).update()
    _read_last(timedelta(days=3))
    assert [JobTally(jobs).update()[_COMPLETED] for _ in range(3)] == [2, 2, 2]


def test_nothing_is_counted_again_on_a_site_where_nothing_ends_for_days() -> None:
    jobs = KnownEndings([ending()])
    JobTally(jobs).update()
    for _ in range(3):
        _read_last(timedelta(days=1, hours=2))
        old = jobs.present[0]
        jobs.present = [replace(old, written=old.written - timedelta(days=1, hours=2), ended=old.written)]
        assert JobTally(jobs).update()[_COMPLETED] == 1
    with session() as opened:
        assert opened.scalar(select(func.count()).select_from(TalliedEnding)) == 1, "the reading; endings are forgotten"


def test_one_that_a_node_with_a_fast_clock_ended_is_not_counted_again_a_day_later() -> None:
    fast = ending(ended=datetime.now(UTC) + timedelta(minutes=1))
    JobTally(KnownEndings([fast])).update()
    ago = timedelta(days=1, seconds=30)
    _read_last(ago)
    with get_engine().begin() as connection:
        connection.execute(text("UPDATE catalogue.tallied_ending SET seen_at = now() WHERE state_id = :reading"),
                           {"reading": uuid.UUID(int=0)})  # fmt: skip
    JobTally(KnownEndings()).update()  # forgets
    labelled = replace(fast, ended=fast.ended - ago)
    assert JobTally(KnownEndings([labelled])).update()[_COMPLETED] == 1


def test_one_that_is_written_late_is_counted() -> None:
    jobs = KnownEndings([ending()])
    JobTally(jobs).update()
    late = ending(written=datetime.now(UTC) - timedelta(seconds=30), ended=datetime.now(UTC) - timedelta(hours=2))
    jobs.present.append(late)
    assert JobTally(jobs).update()[_COMPLETED] == 2


def test_the_first_scrape_adds_what_was_archived_before_and_no_other_does() -> None:
    with session() as opened:
        opened.add(
            ArchivedJobs(
                job_type="reencode", status="completed", engine="nvenc", jobs=100, dead_letters=0, retries=7, seconds=1
            )
        )
        opened.add(ArchivedJobs(job_type="nobody-knows", status="failed", jobs=3, dead_letters=2, retries=9, seconds=1))
    for _ in range(2):
        totals = JobTally(KnownEndings()).update()
        assert totals["media_jobs_total", ("reencode", "completed")] == 100
        assert totals["media_jobs_total", ("nobody-knows", "failed")] == 3
        assert totals["media_jobs_completed_by_engine", ("nvenc",)] == 100
        assert totals["media_job_retries_total", ("reencode",)] == 7
        assert totals["media_jobs_dead_lettered_total", ("nobody-knows",)] == 2


def test_more_endings_than_one_statement_takes() -> None:
    past = datetime.now(UTC) - timedelta(days=3)
    jobs = KnownEndings([ending(written=past, ended=past) for _ in range(4_500)])
    assert JobTally(jobs).update()[_COMPLETED] == 4_500
    assert JobTally(jobs).update()[_COMPLETED] == 4_500


def test_what_a_completed_encode_adds() -> None:
    figures = EncodeFigures("software", speed=3.0, bytes_in=900, bytes_out=300, vmaf=97.5, joules=50.0)
    added = {(name, labels): value for name, labels, value in amounts(ending(type="reencode", encode=figures))}
    assert added == {
        ("media_jobs_total", ("reencode", "completed")): 1,
        ("media_job_wait_seconds", ("reencode", "5")): 1,
        ("media_job_wait_seconds_sum", ("reencode",)): 2.0,
        ("media_job_duration_seconds", ("reencode", "60")): 1,
        ("media_job_duration_seconds_sum", ("reencode",)): 60.0,
        ("media_jobs_completed_by_engine", ("software",)): 1,
        ("media_encode_bytes_total", ("in",)): 900,
        ("media_encode_bytes_total", ("out",)): 300,
        ("media_encode_speed_ratio", ("software", "4")): 1,
        ("media_encode_speed_ratio_sum", ("software",)): 3.0,
        ("media_encode_vmaf_score", ("98",)): 1,
        ("media_encode_vmaf_score_sum", ()): 97.5,
        ("media_encode_energy_joules", ("software", "100")): 1,
        ("media_encode_energy_joules_sum", ("software",)): 50.0,
    }


def test_a_failed_job_that_is_out_of_retries() -> None:
    lost = ending(status=JobStatus.FAILED, retries=3, dead_letter=True, encode=EncodeFigures("nvenc", speed=9.0))
    names = {name for name, _, _ in amounts(lost)}
    assert {"media_job_retries_total", "media_jobs_dead_lettered_total", "media_job_duration_seconds"} <= names
    assert not any("encode" in name or "engine" in name for name in names)


def test_a_job_that_was_cancelled_in_its_lane_has_neither_wait_nor_duration() -> None:
    (only,) = amounts(ending(status=JobStatus.CANCELLED, waited=None, seconds=0.0))
    assert only == ("media_jobs_total", ("validate", "cancelled"), 1)
