"""Jobs that are gone are changes, too: by name where they were cleared, as a number whoever deleted their runs."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import delete, text

from reelmill.catalogue import audit
from reelmill.catalogue.engine import get_engine, session
from reelmill.catalogue.models import AuditEntry
from reelmill.dispatch.tables.job_reader import JobReader
from reelmill.dispatch.tables.prefect_tables import flow_run
from tests.metrics.prefect_database import State, beside_catalogue, write_run

_COMPLETED: State = ("COMPLETED", "Completed", None, 0)


@pytest.fixture(autouse=True)
def _tables(catalogue: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    with beside_catalogue(catalogue, monkeypatch):
        yield


def _write_down(action: str, job_id: uuid.UUID | None, ago: timedelta = timedelta()) -> None:
    entry = AuditEntry(at=datetime.now(UTC) - ago, actor="ann", origin="cli", action=action, job_id=job_id)
    with session() as opened:
        audit.record(opened, [entry])


def _delete(run_id: uuid.UUID) -> None:
    """As anybody does; PostgreSQL's statistics are there at once."""
    with get_engine().begin() as connection:
        connection.execute(text("SELECT pg_stat_force_next_flush()"))
        connection.execute(delete(flow_run).where(flow_run.c.id == run_id))


def test_jobs_that_were_cleared_since_a_reading_are_named_once() -> None:
    reader, (before, first, second) = JobReader(dict), (uuid.uuid4() for _ in range(3))
    _write_down("clear", before)
    start = reader.changes()
    assert not start.removed
    _write_down("clear", first)
    _write_down("cancel", uuid.uuid4())
    _write_down("bulk.clear", None)
    found = reader.changes(start.cursor)
    assert (list(found.removed), found.complete) == ([first], True)
    _write_down("clear", second, ago=timedelta(minutes=4))  # by a node whose clock is behind
    later = reader.changes(found.cursor)
    assert (list(later.removed), list(reader.changes(later.cursor).removed)) == ([second], [])
    assert set(reader.changes(start.cursor).removed) == {first, second}


def test_where_runs_were_deleted_by_whomever_lists_are_to_be_read_anew() -> None:
    reader, (stays, goes) = JobReader(dict), (write_run([_COMPLETED]) for _ in range(2))
    start = reader.changes()
    assert reader.changes(start.cursor).complete
    _delete(goes)
    found = reader.changes(start.cursor)
    assert (found.complete, goes in {job.id for job in found.jobs}) == (False, False)
    assert reader.changes(found.cursor).complete
    assert {job.id for job in reader.page().jobs} == {stays}
