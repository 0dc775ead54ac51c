"""A connection to the site's database that cannot write."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from sqlalchemy import Connection
from sqlalchemy.exc import ProgrammingError

from reelmill.catalogue.engine import database_errors, get_engine
from reelmill.errors import PlatformError
from reelmill.settings import get_settings

#: No reading takes seconds; one that does is ended, and compiling a statement of milliseconds would take longer.
_SETTINGS: Final = "SET LOCAL statement_timeout = 30000; SET LOCAL jit = off"

_NO_SUCH: Final = frozenset({"42P01", "42703", "42883"})  # SQLSTATE: table, column, function


@contextmanager
def read_only() -> Iterator[Connection]:
    """A connection in one transaction that sees one moment, and in which PostgreSQL refuses every change.

    Yields:
        The connection.

    Raises:
        PlatformError: no site's database is at hand, it does not answer, or it has not the tables of a Prefect server
            as they are read here.
    """
    settings = get_settings()
    # Without either, an embedded server would be started, which is nobody's site.
    if settings.database_url is None and not (settings.data_dir / "site.json").exists():
        raise PlatformError(
            "No site's database is at hand; run this where a site is up, or set REELMILL_DATABASE_URL to it."
        )
    with database_errors(), _tables_missing(), get_engine().connect() as plain:
        connection = plain.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
        with connection.begin():
            connection.exec_driver_sql(_SETTINGS)
            yield connection


@contextmanager
def _tables_missing() -> Iterator[None]:
    try:
        yield
    except ProgrammingError as error:
        if getattr(error.orig, "sqlstate", None) not in _NO_SUCH:
            raise
        reason = next(iter(str(error.orig).splitlines()), "")
        raise PlatformError(
            f"The catalogue's database does not hold the tables of a Prefect server as this version reads them: "
            f"{reason}; run this on a site that is up, and see `reelmill doctor`."
        ) from error
