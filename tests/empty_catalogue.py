"""How a test gets an empty catalogue: by rows, since most tests leave a handful of them."""

from __future__ import annotations

from typing import Final

from sqlalchemy import Connection, text

#: Every table that tests write to; the rows of the others go with those of videos.
_TABLES: Final = tuple(
    f"catalogue.{name}"
    for name in ("video", "batch", "audit", "api_token", "archived_jobs", "archived_run", "mount_point")
)

#: What many rows leave behind would slow down the tests that follow, and change how PostgreSQL plans their queries.
_FEW_BYTES: Final = 1 << 20

_SIZE: Final = text(
    "SELECT sum(pg_relation_size(oid)) FROM pg_class WHERE relnamespace = 'catalogue'::regnamespace AND relkind = 'r'"
)
_BY_ROWS: Final = text("; ".join(f"DELETE FROM {name}" for name in _TABLES))
#: A table and each of its indexes gets a new file, of which there are sixty: 30 ms of CPU time.
_BY_FILES: Final = text(f"TRUNCATE {', '.join(_TABLES)} CASCADE")

_NOT_UPGRADED: Final = text("UPDATE catalogue.site SET has_unrecorded_images = false")


def empty(connection: Connection) -> None:
    """Remove all rows that tests have written.

    Args:
        connection: to the catalogue; the caller commits.
    """
    few = connection.execute(_SIZE).scalar_one() <= _FEW_BYTES
    connection.execute(_BY_ROWS if few else _BY_FILES)
    connection.execute(_NOT_UPGRADED)
