"""What can be wrong with the database is made so, and found."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from alembic import command
from sqlalchemy import create_engine, text

from reelmill.catalogue.embedded import EmbeddedPostgres
from reelmill.catalogue.engine import alembic_config, migrate
from reelmill.doctor import database
from reelmill.doctor.examination import Scope, examine
from reelmill.doctor.findings import Finding, Severity
from reelmill.doctor.repair import plan
from reelmill.settings import Settings
from reelmill.storage.media_root import MediaRoot
from tests.clips import Notes


def _of(findings: list[Finding], check: str) -> Finding:
    (found,) = [found for found in findings if found.check == check]
    return found


@pytest.fixture
def other(postgres: EmbeddedPostgres) -> Iterator[str]:
    """A database of its own, without a schema."""
    server = create_engine(postgres.url(), isolation_level="AUTOCOMMIT")
    with server.connect() as connection:
        connection.execute(text("CREATE DATABASE doctored TEMPLATE template0"))
    yield postgres.url().replace("/reelmill?", "/doctored?").replace("+psycopg", "")
    with server.connect() as connection:
        connection.execute(text("DROP DATABASE doctored WITH (FORCE)"))
    server.dispose()


def test_a_database_in_order(catalogue: str) -> None:
    findings = database.check_database(Settings())
    assert [found.severity for found in findings] == [Severity.OK] * 3
    assert findings[0].sentence.startswith("PostgreSQL 18")


def test_a_database_that_is_away(tmp_path: Path) -> None:
    (found,) = database.check_database(Settings(database_url=f"postgresql://reelmill@/reelmill?host={tmp_path}"))
    assert (found.check, found.severity) == ("database", Severity.FAULT)
    assert "does not answer" in found.sentence
    assert found.remedy is not None
    assert "REELMILL_DATABASE_URL" in found.remedy


def test_a_node_without_a_database(tmp_path: Path) -> None:
    (found,) = database.check_database(Settings())
    assert (found.check, found.severity) == ("database", Severity.FAULT)
    assert not (tmp_path / "no-site-here").exists()  # looking makes nothing


def test_a_schema_that_is_behind_is_migrated_on_request(
    other: str, monkeypatch: pytest.MonkeyPatch, media_root: MediaRoot
) -> None:
    engine = create_engine(other.replace("postgresql:", "postgresql+psycopg:"))
    migrate(engine)
    with engine.begin() as connection:
        command.downgrade(alembic_config(connection), "0002")
    settings = Settings(database_url=other, media_root=media_root.path)
    found = examine(settings, Scope(library_only=True))
    assert [(one.check, one.repairable) for one in found] == [("schema", True)]  # and the library waits for it
    assert "is at 0002" in found[0].sentence
    for repair in plan(settings, found):
        assert repair.sentence == "migrate the catalogue's schema"
        repair.act(Notes())
    assert _of(database.check_database(settings), "schema").severity is Severity.OK
    with engine.begin() as connection:
        connection.execute(text("UPDATE catalogue.alembic_version SET version_num = '9999'"))
    found = database.check_database(settings)
    assert (_of(found, "schema").severity, _of(found, "schema").repairable) == (Severity.FAULT, False)
    with engine.begin() as connection:
        connection.execute(text("DROP SCHEMA catalogue CASCADE"))
    assert "is at nothing yet" in _of(database.check_database(settings), "schema").sentence
    engine.dispose()


@pytest.mark.parametrize(
    ("ahead", "severity", "words"),
    [
        (0.2, Severity.OK, "agrees"),
        (-4.9, Severity.OK, "agrees"),
        (-6, Severity.WARNING, "6 s behind"),
        (3600, Severity.FAULT, "3600 s ahead of"),
    ],
)
def test_clocks(ahead: float, severity: Severity, words: str) -> None:
    found = database.clock("database", ahead)
    assert (found.check, found.severity) == ("database_clock", severity)
    assert words in found.sentence
    assert (found.remedy is None) == (severity is Severity.OK)
