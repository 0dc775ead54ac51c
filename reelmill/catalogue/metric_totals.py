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

#: An ending that is none: its time is that of the last reading.
_READING: Final = uuid.UUID(int=0)

#: How long an ending is remembered: a run that is labelled or tagged after it has ended is read once more. One that
#: ended before that was counted in its time.
REMEMBERED: Final = timedelta(days=1)

#: The node that dates an ending has a clock of its own: none is forgotten before all agree that it is old.
_CLOCKS_APART: Final = timedelta(hours=1)

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

    def last_read(self) -> datetime | None:
        """When endings were last read, by the database's clock; None before the first reading of all."""
        return self._session.scalar(select(col(TalliedEnding.seen_at)).where(col(TalliedEnding.state_id) == _READING))

    def unseen(self, endings: Iterable[SeenEnding]) -> Iterator[SeenEnding]:
        """Those of some endings that the totals do not hold yet; from now on they do.

        Args:
            endings: in any order.

        Yields:
            Each that is new.
        """
        oldest = self._session.scalars(select(func.now())).one() - REMEMBERED - _CLOCKS_APART
        every = iter(endings)
        while some := list(islice(every, _AT_ONCE)):
            known = select(col(TalliedEnding.state_id)).where(
                col(TalliedEnding.state_id).in_([one.state_id for one in some])
            )
            seen = set(self._session.scalars(known))
            new = {one.state_id: one for one in some if one.state_id not in seen}
            # Older ones would be forgotten at once: after a long time without a reading that is nearly all of them.
            self._remember({key: one.written for key, one in new.items() if one.written > oldest})
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

    def close(self) -> None:
        """Note that everything was read until now, whether or not anything had ended, and forget what is old by that.

        Without it endings that lie between two readings far apart, and are too old to be remembered, would be read
        and added by every further one.
        """
        now = insert(TalliedEnding).values(state_id=_READING, seen_at=func.now())
        later = func.greatest(col(TalliedEnding.seen_at), now.excluded.seen_at)  # another process may have begun later
        self._session.execute(now.on_conflict_do_update(index_elements=["state_id"], set_={"seen_at": later}))
        last = select(col(TalliedEnding.seen_at)).where(col(TalliedEnding.state_id) == _READING).scalar_subquery()
        old = last - REMEMBERED - _CLOCKS_APART
        self._session.execute(delete(TalliedEnding).where(col(TalliedEnding.seen_at) < old))

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
