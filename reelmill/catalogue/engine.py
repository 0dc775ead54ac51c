"""One engine a process, made late; sessions; the schema brought up to date."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine, create_engine, text
from sqlalchemy.exc import OperationalError
from sqlmodel import Session

from reelmill.catalogue.embedded import EmbeddedPostgres
from reelmill.catalogue.models import SCHEMA
from reelmill.errors import PlatformError
from reelmill.settings import Settings, get_settings

#: Key of the advisory lock that lets one process migrate at a time.
_MIGRATION_LOCK = 7_221_001


@lru_cache(maxsize=4)
def embedded(folder: Path) -> EmbeddedPostgres:
    """The embedded server of a folder, one object a process; it listens where the settings say."""
    return EmbeddedPostgres(folder, get_settings().listen)


def database_url(settings: Settings, driver: str = "psycopg") -> str:
    """SQLAlchemy's URL of the site's database; starts the embedded server where no external one is named.

    Args:
        settings: this machine's.
        driver: ``psycopg`` for the catalogue, ``asyncpg`` for Prefect.
    """
    if settings.database_url is not None:
        _, _, rest = settings.database_url.partition("://")
        return f"postgresql+{driver}://{rest}"
    server = embedded(settings.postgres_dir)
    server.acquire()
    return server.url(driver)


@lru_cache(maxsize=4)
def _engine(url: str) -> Engine:
    engine = create_engine(url, pool_size=4, max_overflow=8, pool_pre_ping=True)
    migrate(engine)
    return engine


def get_engine(settings: Settings | None = None) -> Engine:
    """The catalogue's engine, its schema up to date.

    Args:
        settings: whose database; None takes this process's.

    Raises:
        PlatformError: the database does not answer.
    """
    url = database_url(settings or get_settings())
    with database_errors():
        return _engine(url)


@contextmanager
def session() -> Iterator[Session]:
    """A session that commits on the way out and rolls back on an error.

    Raises:
        PlatformError: the database does not answer.
    """
    with database_errors(), Session(get_engine(), expire_on_commit=False) as opened, opened.begin():
        yield opened


@contextmanager
def database_errors() -> Iterator[None]:
    """Tell a database that is away in our own words.

    Raises:
        PlatformError: the database does not answer.
    """
    try:
        yield
    except OperationalError as error:
        reason = str(error.orig).strip().splitlines()[0] if error.orig else "no reason given"
        raise PlatformError(f"The catalogue's database does not answer: {reason}") from error


def migrate(engine: Engine) -> None:
    """Bring the schema up to date; safe to call from many processes at once."""
    with engine.begin() as connection:
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _MIGRATION_LOCK})
        connection.execute(text(f"CREATE SCHEMA IF NOT EXISTS {SCHEMA}"))
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
