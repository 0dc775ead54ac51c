"""One engine a process, made late; sessions; the schema brought up to date."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final, NamedTuple
from weakref import WeakSet

import psycopg
from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine, NullPool, Pool, create_engine, make_url, text
from sqlalchemy.exc import DataError, InternalError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlmodel import Session

from reelmill import guard
from reelmill.catalogue.connections import API_POOL, POOL
from reelmill.catalogue.embedded import EmbeddedPostgres
from reelmill.catalogue.limits import to_json
from reelmill.catalogue.models import SCHEMA
from reelmill.errors import PlatformError, Unstorable
from reelmill.settings import Settings, get_settings

#: Key of the advisory lock that lets one process migrate at a time.
_MIGRATION_LOCK = 7_221_001


@dataclass(frozen=True)
class _Pool:
    """The connections of this process's engine."""

    size: int = POOL
    seconds: float = 300.0  # that work waits for one, all being in use for a moment


_pool = _Pool()

_ASK_AGAIN: Final = 0.5  # seconds

#: SQLSTATE of a transaction that idled for longer than it was allowed.
_SILENT: Final = "25P03"

#: When a connection to a server that does not answer is given up: 10 + 3 * 5 s where it is idle, 20 s after a question.
_PATIENCE: Final = {
    "connect_timeout": "10",
    "keepalives_idle": "10",
    "keepalives_interval": "5",
    "keepalives_count": "3",
    "tcp_user_timeout": "20000",
}

#: The same where the job can do without what it asks for; libpq knows no shorter time-out.
_IMPATIENCE: Final = {"connect_timeout": "2", "tcp_user_timeout": "2000", "options": "-c statement_timeout=2000"}


@cache
def embedded(folder: Path) -> EmbeddedPostgres:
    """The embedded server of a folder, one object a process; it listens where the settings name an address."""
    return EmbeddedPostgres(folder, get_settings().listen)


def database_url(settings: Settings, driver: str = "psycopg") -> str:
    """SQLAlchemy's URL of the site's database; starts the embedded server where no external one is named.

    Args:
        settings: this node's.
        driver: ``psycopg`` for the catalogue, ``asyncpg`` for Prefect.

    Returns:
        With the driver in its scheme.
    """
    if settings.database_url is not None:
        _, _, rest = settings.database_url.partition("://")
        return f"postgresql+{driver}://{rest}"
    server = embedded(settings.postgres_dir)
    server.acquire()
    return server.url(driver)


def serve_many() -> None:
    """This process serves requests: it has more connections, and one who finds none free soon hears of it.

    Call it before the first engine is made.
    """
    global _pool
    _pool = _Pool(API_POOL, 10.0)


@cache  # one that was dropped would leave its connections open
def _engine(url: str) -> Engine:
    parsed = make_url(url)
    engine = create_engine(
        parsed.update_query_dict({**_PATIENCE, **parsed.query}),
        pool_size=_pool.size,
        max_overflow=0,
        pool_timeout=_pool.seconds,
        pool_pre_ping=True,
        json_serializer=to_json,
    )
    migrate(engine)
    _engines.add(engine)
    return engine


#: ``cache`` alone lets two threads that come first make one each.
_making = threading.Lock()

_engines: Final[WeakSet[Engine]] = WeakSet()
_inherited: Final[list[Pool]] = []  # never freed: what is collected would be closed


def _forked() -> None:
    """A process just forked opens connections of its own; those it has inherited are its parent's."""
    for engine in _engines:
        _inherited.append(engine.pool)
        engine.dispose(close=False)
    _making.release()


# The lock is taken across a fork, so that no child is born with one that nobody is left to release.
os.register_at_fork(before=_making.acquire, after_in_parent=_making.release, after_in_child=_forked)


def get_engine(settings: Settings | None = None) -> Engine:
    """The catalogue's engine, its schema up to date.

    Args:
        settings: whose database; None takes this process's.

    Returns:
        The one engine of this process and database.

    Raises:
        PlatformError: the database does not answer.
    """
    url = database_url(settings or get_settings())
    with database_errors(), _making:
        return _engine(url)


@contextmanager
def session() -> Iterator[Session]:
    """A session that commits on the way out and rolls back on an error.

    Work that holds a lock has begun (see ``guard``), and may have taken hours: for it, a database that is away is
    waited for, for ``guard.PATIENCE_SECONDS``.

    Yields:
        The session, in a transaction.

    Raises:
        PlatformError: the database does not answer.
        LockLost: another run has taken over meanwhile.
    """
    with (
        database_errors(),
        _connected(get_engine()) as connection,
        Session(connection, expire_on_commit=False) as opened,
        opened.begin(),
    ):
        yield opened


@contextmanager
def brief_session() -> Iterator[Session]:
    """A session to read what can be done without: on a connection of its own, which gives up within two seconds.

    The schema may be missing, or an older one.

    Yields:
        The session, in a transaction.

    Raises:
        PlatformError: the database does not answer.
    """
    parsed = make_url(database_url(get_settings()))
    engine = create_engine(parsed.update_query_dict({**_IMPATIENCE, **parsed.query}), poolclass=NullPool)
    with database_errors(), Session(engine) as opened:
        yield opened


def _connected(engine: Engine) -> Connection:
    deadline = time.monotonic() + guard.PATIENCE_SECONDS
    while True:
        try:
            return engine.connect()
        except OperationalError:
            if not guard.working() or time.monotonic() > deadline:
                raise
        guard.check()
        time.sleep(_ASK_AGAIN)


@contextmanager
def database_errors() -> Iterator[None]:
    """Raise in our own words that a database is away, or cannot hold what it is given.

    Raises:
        PlatformError: the database does not answer, or has ended a transaction that was silent for too long.
        Unstorable: it answers that a value is out of its bounds.
        InternalError: it is at fault itself, in another way.
    """
    try:
        yield
    except (OperationalError, DataError, psycopg.OperationalError) as error:
        cause = error if isinstance(error, psycopg.OperationalError) else error.orig
        reason = next(iter(str(cause or "").strip().splitlines()), "no reason given")
        if isinstance(error, DataError) or _over_a_limit(cause):
            raise Unstorable(f"The catalogue cannot hold this: {reason}") from error
        raise PlatformError(f"The catalogue's database does not answer: {reason}") from error
    except InternalError as error:
        if getattr(error.orig, "sqlstate", None) != _SILENT:
            raise
        raise PlatformError("The catalogue's database ended a transaction in which this process was silent.") from error
    except PoolTimeout as error:
        raise PlatformError(
            f"All {_pool.size} connections of this process to the catalogue's database were in use for "
            f"{_pool.seconds:g} s; try again, when the database is less busy."
        ) from error


def _over_a_limit(cause: BaseException | None) -> bool:
    """Whether what was asked for is too large (class 54), which psycopg counts among the troubles of a server."""
    return (getattr(cause, "sqlstate", None) or "").startswith("54")


def migrate(engine: Engine) -> None:
    """Bring the schema up to date; safe to call from many processes at once.

    One that a newer version has made is left as it is, so that nodes of a site can be brought up to date one by one:
    what a version adds to the schema, the one before does not miss.
    """
    with engine.begin() as connection:
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _MIGRATION_LOCK})
        connection.execute(text(f"CREATE SCHEMA IF NOT EXISTS {SCHEMA}"))
        if revisions(connection).known:
            command.upgrade(alembic_config(connection), "head")


def alembic_config(connection: Connection) -> Config:
    """Alembic set up for ``connection``, without an ini file."""
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    config.attributes["connection"] = connection
    return config


class Revisions(NamedTuple):
    """Which version of the schema a database has, and which this version of Reelmill wants."""

    current: str | None  # None: none yet
    head: str
    known: bool  # whether the current one is among those that lead to the head


def revisions(connection: Connection) -> Revisions:
    """Read both; nothing is changed."""
    scripts = ScriptDirectory.from_config(alembic_config(connection))
    context = MigrationContext.configure(connection, opts={"version_table_schema": SCHEMA})
    current, head = context.get_current_revision(), scripts.get_current_head()
    assert head is not None
    return Revisions(current, head, current is None or current in {step.revision for step in scripts.walk_revisions()})
