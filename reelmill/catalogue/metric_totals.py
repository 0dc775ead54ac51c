"""Totals that only grow, and which endings of jobs they hold already."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime, timedelta
from itertools import islice
from typing import Final, Protocol, TypeVar

from sqlalchemy import delete, func, select, text
from sqlalchemy.dialects.postgresql import insert
from sqlmodel import Session, col

from reelmill.catalogue.models import ArchivedJobs, MetricTotal, TalliedEnding

#: By name and label values.
Totals = Mapping[tuple[str, tuple[str, ...]], float]

#: What is read of jobs that were archived.
ArchivedTotal = ArchivedJobs

#: Key of the advisory lock that lets one process add at a time.
_LOCK: Final = 7_221_009

#: An ending that is none: with it the totals have begun, even where no job has ended yet.
_BEGINNING: Final = uuid.UUID(int=0)

#: How long an ending is remembered: a run that is labelled or tagged after it has ended is read once more. One that
#: ended before that was counted in its time.
REMEMBERED: Final = timedelta(days=1)

_AT_ONCE: Final = 2_000  # endings that are looked up or written by one statement


class EndingRow(Protocol):
    """An ending, by the id of its state and the time at which it was written."""

    @property
    def state_id(self) -> uuid.UUID:
        """Of the state that ended it."""

    @property
    def written(self) -> datetime:
        """When, by the database's clock."""


SeenEnding = TypeVar("SeenEnding", bound=EndingRow)


class TotalsBook:
    """The totals within one transaction, while no other process adds to them.

    Args:
        opened: the session of the transaction.
    """

    def __init__(self, opened: Session):
        self._session = opened

    def last_seen(self) -> datetime | None:
        """When the newest ending was written that the totals hold; None before the first reading of all."""
        return self._session.scalar(select(func.max(col(TalliedEnding.seen_at))))

    def unseen(self, endings: Iterable[SeenEnding]) -> Iterator[SeenEnding]:
        """Those of some endings that the totals do not hold yet; from now on they do.

        Args:
            endings: in any order.

        Yields:
            Each that is new.
        """
        now = self._session.scalars(select(func.now())).one()
        if self.last_seen() is None:
            self._remember({_BEGINNING: now})
        every = iter(endings)
        while some := list(islice(every, _AT_ONCE)):
            known = select(col(TalliedEnding.state_id)).where(
                col(TalliedEnding.state_id).in_([one.state_id for one in some])
            )
            seen = set(self._session.scalars(known))
            new = {one.state_id: one for one in some if one.state_id not in seen}
            # Older ones would be forgotten at once: on a site's first reading that is nearly all of them.
            self._remember({key: one.written for key, one in new.items() if one.written > now - REMEMBERED})
            yield from new.values()

    def _remember(self, written: Mapping[uuid.UUID, datetime]) -> None:
        if written:
            rows = [{"state_id": state_id, "seen_at": at} for state_id, at in written.items()]
            self._session.execute(insert(TalliedEnding).on_conflict_do_nothing(), rows)

    def archived(self) -> Iterable[ArchivedTotal]:
        """The jobs that were archived, counted."""
        return self._session.scalars(select(ArchivedJobs)).all()

    def add(self, amounts: Mapping[tuple[str, tuple[str, ...]], float]) -> None:
        """Add to totals; one that is not there yet begins at 0."""
        rows = [
            {"name": name, "labels": list(labels), "value": value} for (name, labels), value in sorted(amounts.items())
        ]
        if rows:
            new = insert(MetricTotal)
            grown = {"value": col(MetricTotal.value) + new.excluded.value}
            self._session.execute(new.on_conflict_do_update(index_elements=["name", "labels"], set_=grown), rows)

    def forget_old(self) -> None:
        """Forget endings that were written ``REMEMBERED`` before the newest one."""
        newest = select(func.max(col(TalliedEnding.seen_at))).scalar_subquery()
        self._session.execute(delete(TalliedEnding).where(col(TalliedEnding.seen_at) < newest - REMEMBERED))

    def totals(self) -> Totals:
        """All totals."""
        rows = self._session.execute(select(col(MetricTotal.name), col(MetricTotal.labels), col(MetricTotal.value)))
        return {(name, tuple(labels)): value for name, labels, value in rows}


@contextmanager
def locked(opened: Session) -> Iterator[TotalsBook]:
    """The totals, for the rest of the transaction this process's alone.

    Args:
        opened: the session of the transaction.

    Yields:
        The totals.
    """
    opened.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _LOCK})
    yield TotalsBook(opened)
