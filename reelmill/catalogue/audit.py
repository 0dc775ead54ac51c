"""Who did what to jobs and to the site. Rows are only ever added; each function takes a session."""

from __future__ import annotations

import uuid
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import ColumnElement, insert
from sqlmodel import Session, col, func, select

from reelmill.catalogue.limits import clean
from reelmill.catalogue.models import AuditEntry
from reelmill.errors import UserError

#: The most entries on a page.
PAGE: Final = 200


@dataclass(frozen=True)
class AuditPage:
    """Some of the entries that were asked for, the newest first."""

    entries: list[AuditEntry]
    page: int  # 1 is the first
    pages: int
    total: int  # entries on all pages


def record(opened: Session, entries: Sequence[AuditEntry]) -> None:
    """Add entries, however many, in one statement.

    Args:
        opened: the session.
        entries: new ones; characters that the database takes from nobody are replaced, so that none is lost over them.
    """
    if entries:
        opened.connection().execute(insert(AuditEntry), [_columns(entry) for entry in entries])


def entries(
    opened: Session,
    *,
    job_ids: Collection[uuid.UUID] | None = None,
    since: datetime | None = None,
    page: int = 1,
    size: int = 50,
) -> AuditPage:
    """A page of entries, the newest first.

    Args:
        opened: the session.
        job_ids: only those about one of these jobs; None: all, those about the site among them.
        since: only those of that moment and later.
        page: 1 is the first.
        size: entries on a page, 1 to 200.

    Returns:
        The entries, and how many there are.

    Raises:
        UserError: there can be no such page.
    """
    check_page(page, size)
    where: list[ColumnElement[bool]] = [] if job_ids is None else [col(AuditEntry.job_id).in_(job_ids)]
    if since is not None:
        where.append(col(AuditEntry.at) >= since)
    total = opened.exec(select(func.count()).select_from(AuditEntry).where(*where)).one()
    newest = select(AuditEntry).where(*where).order_by(col(AuditEntry.at).desc(), col(AuditEntry.id).desc())
    found = opened.exec(newest.offset((page - 1) * size).limit(size)).all()
    return AuditPage(list(found), page, -(-total // size), total)


def check_page(page: int, size: int) -> None:
    """Refuse a page that cannot be.

    Args:
        page: 1 is the first.
        size: entries on it.

    Raises:
        UserError: there is none such.
    """
    if page < 1 or not 1 <= size <= PAGE:
        raise UserError(f"Page {page} of {size} entries cannot be: pages count from 1 and hold 1 to {PAGE} entries.")


def _columns(entry: AuditEntry) -> dict[str, Any]:
    columns = {name: getattr(entry, name) for name in AuditEntry.model_fields if name != "id"}
    return {name: clean(value) if isinstance(value, str) else value for name, value in columns.items()}
