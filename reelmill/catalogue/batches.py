"""Batches, and the videos they are of. Each function takes a session.

Whoever hands in a page of a batch, or changes its state, holds the lock of its row until that is committed: one at a
time, and what dies on the way leaves the row as it was.
"""

from __future__ import annotations

import secrets
import uuid
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final, NamedTuple

import sqlalchemy
from sqlalchemy import text
from sqlalchemy.dialects.postgresql import insert
from sqlmodel import Session, col, func, select

from reelmill.catalogue.filters.video_filter import Condition, clause
from reelmill.catalogue.models import Batch, BatchState, Video, batch_tag
from reelmill.errors import UnknownName

_CONSONANTS: Final = "bdfgklmnprstvz"
_VOWELS: Final = "aeiou"
_SYLLABLES: Final = 3  # 343,000 ids

#: How long the lock of a row outlives a holder that is silent (stopped, or on a node that hangs).
HOLD: Final = "120s"


class BatchVideo(NamedTuple):
    """A video that a job is handed in for."""

    id: uuid.UUID
    filename: str


def create_batch(session: Session, values: Mapping[str, Any]) -> Batch:
    """Store a new batch under an id of its own.

    Args:
        session: of the catalogue.
        values: of its columns, without the id.

    Returns:
        The batch.
    """
    while True:
        row = Batch(id=_new_id(), **values)
        columns = {name: getattr(row, name) for name in Batch.model_fields}
        inserted = insert(Batch).values(columns).on_conflict_do_nothing().returning(Batch.__table__.c.id)  # type: ignore[attr-defined]
        if session.connection().execute(inserted).first() is not None:
            return row


def _new_id() -> str:
    return "".join(secrets.choice(_CONSONANTS) + secrets.choice(_VOWELS) for _ in range(_SYLLABLES))


def get_batch(session: Session, batch_id: str, *, lock: bool = False) -> Batch:
    """One batch.

    Args:
        session: of the catalogue.
        batch_id: its id, in any case.
        lock: hold its row until the session ends; waits for who holds it.

    Returns:
        The batch.

    Raises:
        UnknownName: there is none of this id.
    """
    statement = select(Batch).where(Batch.id == batch_id.strip().lower())
    found = session.exec(statement.with_for_update() if lock else statement).first()
    if found is None:
        raise UnknownName(f"There is no batch {batch_id!r}; `reelmill batch list` lists them.", batch_id)
    return found


def lock_running(session: Session, batch_id: str) -> Batch | None:
    """A running batch whose row nobody holds, held until the session ends.

    Returns:
        The batch; None where somebody has it in hand, or it is not running any more.
    """
    session.connection().execute(text(f"SET LOCAL idle_in_transaction_session_timeout = '{HOLD}'"))
    wanted = select(Batch).where(Batch.id == batch_id, Batch.state == BatchState.RUNNING)
    return session.exec(wanted.with_for_update(skip_locked=True)).first()


def running_batches(session: Session) -> list[str]:
    """The ids of the batches that are running, the oldest first."""
    wanted = select(Batch.id).where(Batch.state == BatchState.RUNNING).order_by(col(Batch.created_at))
    return list(session.exec(wanted))


def batches_cancelled_since(session: Session, since: datetime) -> list[str]:
    """The ids of the batches that were cancelled since then."""
    wanted = select(Batch.id).where(Batch.state == BatchState.CANCELLED, col(Batch.ended_at) > since)
    return list(session.exec(wanted))


def same_running(session: Session, values: Mapping[str, Any]) -> Batch | None:
    """A running batch of the same job type, filter and parameters.

    Args:
        session: of the catalogue.
        values: as of ``create_batch``.

    Returns:
        The first of them; None where there is none.
    """
    wanted = (
        select(Batch)
        .where(Batch.state == BatchState.RUNNING, Batch.job_type == values["job_type"])
        .where(Batch.filter == values["filter"])
        .order_by(col(Batch.created_at))
    )
    return next((batch for batch in session.exec(wanted) if batch.parameters == values["parameters"]), None)


def recent_batches(session: Session, limit: int) -> list[Batch]:
    """Batches, the newest first."""
    return list(session.exec(select(Batch).order_by(col(Batch.created_at).desc()).limit(limit)))


def count_matching(session: Session, condition: Condition) -> int:
    """How many videos a filter chooses."""
    return session.exec(select(func.count()).select_from(Video).where(clause(condition))).one()


def example_paths(session: Session, condition: Condition, limit: int) -> list[str]:
    """The paths of some videos that a filter chooses."""
    return list(session.exec(select(Video.path).where(clause(condition)).limit(limit)))


def next_videos(session: Session, condition: Condition, after: uuid.UUID | None, limit: int) -> list[BatchVideo]:
    """The next videos that a filter chooses, in order of their ids: those stay, where paths change.

    Args:
        session: of the catalogue.
        condition: the filter.
        after: the last one before; None: from the first on.
        limit: how many at most.

    Returns:
        The videos; fewer than ``limit`` only where no more are left.
    """
    video = sqlalchemy.inspect(Video).local_table.c
    wanted = sqlalchemy.select(video.id, video.filename).where(clause(condition)).order_by(video.id).limit(limit)
    if after is not None:
        wanted = wanted.where(video.id > after)
    return [BatchVideo(*row) for row in session.connection().execute(wanted)]


def unfinished_tags(session: Session) -> list[str]:
    """The tags of the jobs of batches that go on, or may."""
    unfinished = (BatchState.RUNNING, BatchState.PAUSED)
    return [batch_tag(batch_id) for batch_id in session.exec(select(Batch.id).where(col(Batch.state).in_(unfinished)))]
