"""One engine a process, made late; sessions; the schema brought up to date."""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
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
from reelmill.errors import PlatformError, SiteError, Unstorable
from reelmill.settings import Settings, get_settings
from reelmill.troubles import SiteTrouble

_logger = logging.getLogger(__name__)

#: Key of the advisory lock that lets one process migrate at a time.
_MIGRATION_LOCK = 7_221_001


@dataclass(frozen=True)
class _Pool:
    """The connections of this process's engine."""

    size: int = POOL
    seconds: float = 300.0  # that work waits for one, all being in use for a moment


_pool = _Pool()

_ASK_AGAIN: Final = 0.5  # seconds

#: Seconds that a migration waits for a lock.
LOCK_SECONDS: Final = 30

#: SQLSTATE of a lock that was not had in time.
_LOCKED: Final = "55P03"

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
def _engine(url: str, ours: EmbeddedPostgres | None) -> Engine:
    parsed = make_url(url)
    engine = create_engine(
        parsed.update_query_dict({**_PATIENCE, **parsed.query}),
        pool_size=_pool.size,
        max_overflow=0,
        pool_timeout=_pool.seconds,
        pool_pre_ping=True,
        json_serializer=to_json,
    )
    with ExitStack() as closed_on_failure:
        closed_on_failure.callback(engine.dispose)
        _settle_schema(engine, ours)
        closed_on_failure.pop_all()
    _engines.add(engine)
    return engine


def _settle_schema(engine: Engine, ours: EmbeddedPostgres | None) -> None:
    """Make the schema where there is none; migrate an older one only where nobody else can be at work by it.

    Raises:
        SiteError: it is an older one, and others may be at work by it.
    """
    with engine.connect() as connection:
        found = revisions(connection)
    if found.current == found.head:
        return
    if found.current is None or (found.known and ours is not None and ours.alone()):
        migrate(engine)
    elif found.known:
        raise SiteError(
            f"The catalogue's schema is at {found.current}, and this version of Reelmill wants {found.head}: run "
            "`reelmill up` or `reelmill deploy` of this version, which migrates it, once jobs of the older one have "
            "ended.",
            SiteTrouble.DATABASE,
        )
    else:
        _logger.warning(
            "The catalogue's schema (%s) is of a newer version of Reelmill than this one (%s), which goes on with it; "
            "bring this node up to date soon.",
            found.current,
            found.head,
        )


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
    """The catalogue's engine; an empty database gets its schema.

    Args:
        settings: whose database; None takes this process's.

    Returns:
        The one engine of this process and database.

    Raises:
        PlatformError: the database does not answer.
        SiteError: its schema is of an older version, see ``bring_up_to_date``.
    """
    settings = settings or get_settings()
    url = database_url(settings)
    with database_errors(), _making:
        return _engine(url, embedded(settings.postgres_dir) if settings.database_url is None else None)


def bring_up_to_date(settings: Settings) -> Engine:
    """Migrate the schema, as a site does that comes up; no query of a job, a notebook or a worker does.

    Args:
        settings: whose database.

    Returns:
        The engine.

    Raises:
        PlatformError: the database does not answer, or others hold its tables for too long.
    """
    engine = create_engine(database_url(settings), poolclass=NullPool)
    with database_errors():
        migrate(engine)
    return get_engine(settings)


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
    """Bring the schema up to date; safe to call from many processes at once, one of which does it.

    One that a newer version has made is left as it is, so that nodes of a site can be brought up to date one by one:
    what a version adds to the schema, the one before does not miss.

    Raises:
        PlatformError: another process holds a table or is migrating for longer than a migration waits.
        OperationalError: the database is away.
    """
    try:
        with engine.begin() as connection:
            # Whoever waits for a table keeps all others waiting that come after: better not for long.
            connection.execute(text(f"SET LOCAL lock_timeout = '{LOCK_SECONDS}s'"))
            connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _MIGRATION_LOCK})
            connection.execute(text(f"CREATE SCHEMA IF NOT EXISTS {SCHEMA}"))
            if revisions(connection).known:
                command.upgrade(alembic_config(connection), "head")
    except OperationalError as error:
        if getattr(error.orig, "sqlstate", None) != _LOCKED:
            raise
        raise PlatformError(
            f"The catalogue's schema was not migrated: another process holds one of its tables for more than "
            f"{LOCK_SECONDS} s; nothing was changed, try again once the jobs at work have ended."
        ) from error


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
