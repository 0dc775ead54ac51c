"""What an export knows of videos, row by row of its tables, put into the catalogue many rows at a time."""

from __future__ import annotations

import uuid
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy
from sqlalchemy.dialects.postgresql import insert
from sqlmodel import Session

from reelmill.catalogue.models import SCHEMA, Video, VideoTag
from reelmill.catalogue.product_tables import TOGETHER
from reelmill.catalogue.videos import searching

Row = dict[str, Any]


@dataclass
class ImportReport:
    """What an import did."""

    added: Counter[str] = field(default_factory=Counter)  # rows, by their table
    known: Counter[str] = field(default_factory=Counter)  # rows that stood already, or gave way to what stands
    renamed: int = 0  # videos that a scan had recorded anew, and that have their id and what belongs to it again
    left: int = 0  # rows of tables and columns that this version does not have

    def __str__(self) -> str:
        added = ", ".join(f"{count} of {table}" for table, count in sorted(self.added.items())) or "nothing"
        more = f"; {self.renamed} videos are known by their earlier id again" if self.renamed else ""
        left = f"; {self.left} rows of a newer version left out" if self.left else ""
        return f"added: {added}; {self.known.total()} rows stood already{more}{left}"


class FactLoader:
    """Adds rows that belong to videos; the videos of the export are there.

    Args:
        session: of the catalogue.
        ids: those that videos have by now, by their ids in the export, where that is another.
        report: counts what is done.
    """

    def __init__(self, session: Session, ids: Mapping[uuid.UUID, uuid.UUID], report: ImportReport):
        self._session, self._ids, self._report = session, ids, report
        self._first: dict[tuple[str, uuid.UUID], uuid.UUID] = {}  # of a table and video: which of the export it was
        self._last: tuple[str, uuid.UUID, bool] | None = None  # the last video's of a table, and whether it had rows

    def load(self, table: sqlalchemy.Table, rows: Sequence[Row]) -> None:
        """Add what is known of videos; of two that are of one thing a person's stands, else the one that is there.

        Args:
            table: that the rows are of.
            rows: in the order of the export; changed on the way. Not more than a few thousand.
        """
        if table.name in TOGETHER:
            rows = self._of_the_first(table, rows)
        rows = self._owned(table, rows)
        if table.name in TOGETHER:
            rows = self._of_none_that_had_any(table, rows)
        keys = [column.name for column in table.primary_key]
        given: dict[tuple[Any, ...], Row] = {}
        for row in sorted(rows, key=lambda row: not row.get("by_person")):  # two may be of one video by now
            given.setdefault(tuple(row[name] for name in keys), row)
        done = 0
        for alike in _alike(given.values()):
            statement = insert(table)
            if table.name == VideoTag.__tablename__ and alike[0].get("by_person"):
                changed = {name: statement.excluded[name] for name in alike[0] if name not in keys}
                statement = statement.on_conflict_do_update(index_elements=keys, set_=changed, where=~table.c.by_person)
            else:
                statement = statement.on_conflict_do_nothing()
            stored = statement.returning(*table.primary_key.columns)
            done += len(self._session.connection().execute(stored, alike).all())
        self._report.added += Counter({table.name: done})
        self._report.known += Counter({table.name: len(rows) - done})

    def _of_the_first(self, table: sqlalchemy.Table, rows: Sequence[Row]) -> list[Row]:
        """The rows, but for those of a video of the export that is another one's by now, whose rows came before."""
        if not self._ids:
            return list(rows)
        owner, kept = TOGETHER[table.name], []
        for row in rows:
            now = self._ids.get(row[owner], row[owner])
            if self._first.setdefault((table.name, now), row[owner]) == row[owner]:
                kept.append(row)
        self._report.known += Counter({table.name: len(rows) - len(kept)})
        return kept

    def _owned(self, table: sqlalchemy.Table, rows: Sequence[Row]) -> list[Row]:
        """The rows whose video is there, by the ids that videos have now; others that a row names are forgotten."""
        pointing = [column for column in table.columns if _points_at_video(column)]
        for row in rows:
            row.update({c.name: self._ids.get(row[c.name], row[c.name]) for c in pointing if row.get(c.name)})
        there = searching.known_ids(self._session, {row[c.name] for c in pointing for row in rows if row.get(c.name)})
        owned = [row for row in rows if all(row[c.name] in there for c in pointing if c.primary_key)]
        for row in owned:
            row.update({c.name: None for c in pointing if row.get(c.name) and row[c.name] not in there})
        self._report.left += len(rows) - len(owned)
        return owned

    def _of_none_that_had_any(self, table: sqlalchemy.Table, rows: Sequence[Row]) -> list[Row]:
        """The rows of videos that had none before the export's came, of which those of one follow one another."""
        owner = table.c[TOGETHER[table.name]]
        asked = {row[owner.name] for row in rows}
        before = self._last
        having = sqlalchemy.select(owner).distinct().where(owner.in_(asked))
        had = set(self._session.connection().execute(having).scalars())
        if before is not None and before[0] == table.name and before[1] in asked:  # of the rows before these
            had = had | {before[1]} if before[2] else had - {before[1]}
        if rows:
            last = rows[-1][owner.name]
            self._last = table.name, last, last in had
        kept = [row for row in rows if row[owner.name] not in had]
        self._report.known += Counter({table.name: len(rows) - len(kept)})
        return kept


def _points_at_video(column: sqlalchemy.Column[Any]) -> bool:
    return any(key.target_fullname == f"{SCHEMA}.{Video.__tablename__}.id" for key in column.foreign_keys)


def _alike(rows: Iterable[Row]) -> Collection[list[Row]]:
    """Rows that one statement adds: those that name the same columns, since others have their defaults."""
    found: dict[tuple[frozenset[str], bool], list[Row]] = {}
    for row in rows:
        found.setdefault((frozenset(row), bool(row.get("by_person"))), []).append(row)
    return found.values()
