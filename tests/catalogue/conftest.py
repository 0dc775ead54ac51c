"""A database of its own for tests of the schema."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from sqlalchemy import Engine, create_engine, text

from reelmill.catalogue.embedded import EmbeddedPostgres


@pytest.fixture
def empty(postgres: EmbeddedPostgres) -> Iterator[Engine]:
    """A database with nothing in it."""
    name = "migrations"
    server = create_engine(postgres.url(), isolation_level="AUTOCOMMIT")
    with server.connect() as connection:
        connection.execute(text(f"CREATE DATABASE {name} TEMPLATE template0"))
    engine = create_engine(postgres.url().replace("/reelmill?", f"/{name}?"))
    yield engine
    engine.dispose()
    with server.connect() as connection:
        connection.execute(text(f"DROP DATABASE {name} WITH (FORCE)"))
    server.dispose()
