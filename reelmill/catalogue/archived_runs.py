"""Runs on their way into the archive, and the totals of those that are there. Each function takes a session.

A row is made before the file is begun and goes in the transaction that counts its run, so that whatever is killed on
the way, no run is lost and none is counted twice.
"""

from __future__ import annotations

import uuid
from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import delete, insert, select, update
from sqlalchemy.dialects import postgresql
from sqlmodel import Session, col

from reelmill.catalogue.models import ArchivedJobs, ArchivedRun


@dataclass
class _Sums:
    jobs: int = 0
    dead_letters: int = 0
    retries: int = 0
    seconds: float = 0.0


def claim(opened: Session, runs: Sequence[ArchivedRun]) -> None:
    """Note runs that are about to be written to a file."""
    if runs:
        opened.connection().execute(insert(ArchivedRun), [run.model_dump() for run in runs])


def unwritten_files(opened: Session) -> list[str]:
    """The files that were begun, and are not known to be complete."""
    return list(opened.scalars(select(col(ArchivedRun.file)).where(~col(ArchivedRun.written)).distinct()))


def mark_written(opened: Session, file: str) -> None:
    """The file is complete and on the disk, so that its runs may be removed."""
    opened.connection().execute(update(ArchivedRun).where(col(ArchivedRun.file) == file).values(written=True))


def release(opened: Session, file: str) -> None:
    """The file was never completed, so that nothing was removed for it."""
    unwritten = (col(ArchivedRun.file) == file, ~col(ArchivedRun.written))
    opened.connection().execute(delete(ArchivedRun).where(*unwritten))


def written(opened: Session) -> dict[uuid.UUID, datetime]:
    """The runs whose file is complete, each with when it ended."""
    chosen = select(col(ArchivedRun.id), col(ArchivedRun.ended)).where(col(ArchivedRun.written))
    return dict(opened.connection().execute(chosen).tuples().all())


def settle(opened: Session, gone: Collection[uuid.UUID], revived: Collection[uuid.UUID]) -> int:
    """Count runs that are in the archive alone, and forget those that live on.

    Args:
        opened: the session, whose transaction does both.
        gone: runs that the server has no more.
        revived: runs that it has, and that were tried again meanwhile.

    Returns:
        How many jobs were counted: a run whose place another took is none.
    """
    connection = opened.connection()
    columns = ArchivedRun.__table__.c  # type: ignore[attr-defined]
    removed = delete(ArchivedRun).where(columns.id.in_(list(gone)), columns.written).returning(columns)
    sums: defaultdict[tuple[str, str, str], _Sums] = defaultdict(_Sums)
    for run in connection.execute(removed):
        if run.job_type is None:
            continue
        of_kind = sums[run.job_type, run.status, run.engine]
        of_kind.jobs += 1
        of_kind.dead_letters += run.dead_letters
        of_kind.retries += run.retries
        of_kind.seconds += run.seconds
    if sums:
        new = postgresql.insert(ArchivedJobs)
        grown = {name: getattr(ArchivedJobs, name) + new.excluded[name] for name in _Sums.__dataclass_fields__}
        keys = ("job_type", "status", "engine")
        rows = [dict(zip(keys, key, strict=True)) | vars(of_kind) for key, of_kind in sorted(sums.items())]
        connection.execute(new.on_conflict_do_update(index_elements=keys, set_=grown), rows)
    connection.execute(delete(ArchivedRun).where(columns.id.in_(list(revived))))
    return sum(of_kind.jobs for of_kind in sums.values())
