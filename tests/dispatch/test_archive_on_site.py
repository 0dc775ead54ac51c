"""Old jobs leave a real Prefect server as the tests of the archive in memory suppose."""

from __future__ import annotations

import uuid
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from prefect.client.orchestration import SyncPrefectClient
from prefect.exceptions import ObjectNotFound
from prefect.states import AwaitingRetry
from sqlalchemy import text

from deployments.site import Site
from reelmill.catalogue.engine import get_engine
from reelmill.dispatch import Dispatcher
from reelmill.dispatch.totals.tally import JobTally
from reelmill.queue.retry_policy import DEAD_LETTER, RETRYABLE_LABEL
from tests.metrics.runs import cleared_afterwards, write_ended

pytestmark = pytest.mark.site

_OLD, _AGE = timedelta(days=400), timedelta(days=500)


def _write_old(kind: str = "COMPLETED", *tags: str) -> uuid.UUID:
    run_id = write_ended("validate", kind, {}, *tags)
    with get_engine().begin() as connection:
        end = {"id": run_id, "end": datetime.now(UTC) - _AGE}
        connection.execute(text("UPDATE flow_run SET end_time = :end WHERE id = :id"), end)
    return run_id


@pytest.fixture(autouse=True)
def _nothing_archived(on_site: Site) -> Iterator[None]:
    """Other tests compare the totals with what the server holds."""
    yield
    with get_engine().begin() as connection:
        connection.execute(text("TRUNCATE catalogue.archived_jobs, catalogue.archived_run"))


def test_old_jobs_leave_the_server_for_a_file_and_stay_counted(
    on_site: Site, prefect: Dispatcher, client: SyncPrefectClient
) -> None:
    with cleared_afterwards():
        done, failed = _write_old(), _write_old("FAILED")
        _write_old("FAILED", DEAD_LETTER)
        write_ended("validate")
        again = _write_old("FAILED")
        client.set_flow_run_state(again, AwaitingRetry(), force=True)
        before = prefect.reader.statistics().by_status
        assert sum(prefect.archive.count(_OLD).values()) == 2
        assert prefect.archive.write(_OLD) == 2
        assert prefect.reader.statistics().by_status == before
        for run_id in (done, failed):
            with pytest.raises(ObjectNotFound):
                client.read_flow_run(run_id)


def test_what_is_cleared_is_announced_and_counted_once_before_anybody_scrapes(
    prefect: Dispatcher, client: SyncPrefectClient
) -> None:
    with cleared_afterwards():
        before = _counted(prefect)
        cleared = [write_ended("validate"), write_ended("validate", "FAILED", {RETRYABLE_LABEL: False})]
        waits = prefect.jobs.submit("validate", {"video_id": "a video"}).id
        cursor = prefect.reader.changes().cursor
        assert prefect.bulk.clear([*cleared, waits]) == 2
        for run_id in cleared:
            with pytest.raises(ObjectNotFound):
                client.read_flow_run(run_id)
        assert set(cleared) <= set(prefect.reader.changes(cursor).removed)
        for _ in range(2):
            assert _counted(prefect) - before == {"completed": 1, "failed": 1}


def _counted(prefect: Dispatcher) -> Counter[str]:
    """How many jobs of a type a scrape finds to have ended, by their status."""
    totals = JobTally(prefect.reader).update()
    return Counter(
        {
            labels[1]: int(value)
            for (name, labels), value in totals.items()
            if (name, labels[0]) == ("media_jobs_total", "validate")
        }
    )
