"""Which rows a reading has seen, whenever they were committed.

A time cannot decide that: a row that is written now may be committed after one that was written later, and whoever goes
on from the later one's time never sees it. PostgreSQL itself knows which transactions a reading saw: its snapshot. A
row carries the transaction that wrote its present version, so that "not seen yet" is a condition, exactly.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import ColumnElement, Connection, Table, Text, cast, func, literal, literal_column, select
from sqlalchemy.types import BigInteger, UserDefinedType


class _Snapshot(UserDefinedType[Any]):
    cache_ok = True

    def get_col_spec(self, **_: Any) -> str:
        return "pg_snapshot"


class _TransactionId(UserDefinedType[Any]):
    cache_ok = True

    def get_col_spec(self, **_: Any) -> str:
        return "xid8"


#: The first transaction that the present snapshot does not see, nor any later one.
_END = "pg_snapshot_xmax(pg_current_snapshot())::text::bigint"


def present(connection: Connection) -> str:
    """The snapshot of this transaction, as text."""
    return str(connection.scalars(select(cast(func.pg_current_snapshot(), Text))).one())


def is_of_here(connection: Connection, snapshot: str) -> bool:
    """Whether a snapshot is of this database's past; one restored from a copy counts its transactions anew."""
    end = connection.scalars(select(literal_column(_END, BigInteger))).one()
    return int(snapshot.split(":")[1]) <= end


def writer(table: Table) -> ColumnElement[int]:
    """The transaction that wrote a row's version, in 64 bits, of which the row holds the lower 32."""
    row = f"{table.name}.xmin::text::bigint"
    return literal_column(f"({row} + ((({_END} - {row}) >> 32) << 32))", BigInteger)


def unseen(table: Table, snapshot: str) -> ColumnElement[bool]:
    """Whether a reading of that snapshot has not seen a row as it is now; for rows that no savepoint writes."""
    wrote: ColumnElement[Any] = cast(cast(writer(table), Text), _TransactionId)
    return ~func.pg_visible_in_snapshot(wrote, cast(literal(snapshot), _Snapshot))


def perhaps_unseen(table: Table, snapshot: str) -> ColumnElement[bool]:
    """Whether a reading of that snapshot may not have seen a row as it is now, savepoints and all.

    What a transaction wrote that was under way then counts as unseen, even where it was seen; no unseen row is left
    out.

    Args:
        table: of the rows.
        snapshot: of the reading.

    Returns:
        A condition.
    """
    return writer(table) >= int(snapshot.split(":", maxsplit=1)[0])
