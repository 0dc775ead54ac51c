"""Entries of the audit are added many at a time, and come back newest first."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from reelmill.catalogue import audit
from reelmill.catalogue.engine import session
from reelmill.catalogue.models import AuditEntry
from reelmill.errors import UserError
from tests.refusals import refused

_NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


def _entry(job_id: uuid.UUID | None = None, **columns: Any) -> AuditEntry:
    return AuditEntry(actor="ann@nas", origin="cli", job_id=job_id, **{"action": "cancel"} | columns)


def test_entries_come_back_newest_first_and_page_by_page(catalogue: str) -> None:
    job, other = uuid.uuid4(), uuid.uuid4()
    made = [_entry(job, at=_NOON + timedelta(minutes=minute), details={"n": minute}) for minute in range(5)]
    with session() as opened:
        audit.record(opened, [*made, _entry(other, at=_NOON), _entry(at=_NOON, action="drain")])
    with session() as opened:
        page = audit.entries(opened, job_ids=[job], page=2, size=2)
        assert ([entry.details["n"] for entry in page.entries], page.pages, page.total) == ([2, 1], 3, 5)
        assert audit.entries(opened).total == 7
        since = audit.entries(opened, since=_NOON + timedelta(minutes=3)).entries
        assert [entry.details["n"] for entry in since] == [4, 3]
        assert audit.entries(opened, job_ids=[]).total == 0


def test_no_entry_is_lost_over_a_character_that_the_database_refuses(catalogue: str) -> None:
    with session() as opened:
        audit.record(opened, [_entry(reason="a\0b\ud800", details={"lane": "\0"})])
    with session() as opened:
        (entry,) = audit.entries(opened).entries
    assert (entry.reason, entry.details) == ("a\ufffdb\ufffd", {"lane": "\ufffd"})


@pytest.mark.parametrize(("page", "size"), [(0, 5), (1, 0), (1, audit.PAGE + 1)])
def test_a_page_that_cannot_be_is_refused(page: int, size: int) -> None:
    with refused(UserError):
        audit.check_page(page, size)
