"""Whether a database holds Prefect's tables as they are read here; a sentence for each thing that is not so."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, TypeAlias

from sqlalchemy import Connection, text
from sqlalchemy.dialects import postgresql

from reelmill.dispatch.tables.prefect_tables import METADATA, STATE_TYPES

#: The type of each column by table and name, as PostgreSQL calls it.
Columns: TypeAlias = Mapping[tuple[str, str], str]

_POSTGRESQL: Final = postgresql.dialect()  # type: ignore[no-untyped-call]

#: Types that are read alike.
_ALIKE: Final = {"text": "varchar", "character varying": "varchar"}

_COLUMNS: Final = """
SELECT class.relname, attname, format_type(atttypid, atttypmod)
FROM pg_attribute JOIN pg_class AS class ON class.oid = attrelid
WHERE pg_table_is_visible(class.oid) AND attnum > 0 AND NOT attisdropped AND class.relname = ANY(:tables)
"""
_STATES: Final = """
SELECT enumlabel FROM pg_enum JOIN pg_type AS type ON type.oid = enumtypid
WHERE type.typname = 'state_type' AND pg_type_is_visible(type.oid)
"""


def breaches(connection: Connection) -> list[str]:
    """What of Prefect's tables is not as it is read here.

    Args:
        connection: to a database that Prefect has migrated.

    Returns:
        A sentence for each; none where all is well.
    """
    tables = {"tables": [table.name for table in METADATA.sorted_tables]}
    columns = {(table, name): kind for table, name, kind in connection.execute(text(_COLUMNS), tables)}
    return compare(columns, set(connection.scalars(text(_STATES))))


def compare(columns: Columns, states: set[str]) -> list[str]:
    """The same of what was found there (pure).

    Args:
        columns: of those tables that are there.
        states: the values of the type of a run's state.

    Returns:
        A sentence for each breach.
    """
    found = []
    there = {table for table, _ in columns}
    for table in METADATA.sorted_tables:
        if table.name not in there:
            found.append(f"Prefect has no table {table.name} any more.")
            continue
        for column in table.columns:
            wanted = column.type.compile(_POSTGRESQL).lower()
            kind = columns.get((table.name, column.name))
            if kind is None:
                found.append(f"Prefect's table {table.name} has no column {column.name} any more.")
            elif _plain(kind) != _plain(wanted):
                found.append(f"The column {table.name}.{column.name} is of type {kind}, no longer {wanted}.")
    found += [f"Prefect has no state type {name} any more." for name in sorted(set(STATE_TYPES) - states)]
    found += [f"Prefect has a new state type, {name}, of no status." for name in sorted(states - set(STATE_TYPES))]
    return found


def _plain(kind: str) -> str:
    return _ALIKE.get(kind, kind)
