"""``reelmill jobs archive``: counted, agreed to, done; and what programs are found."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select
from typer.testing import CliRunner, Result

from reelmill.catalogue import advisory_lock
from reelmill.catalogue.engine import get_engine
from reelmill.cli.exit_codes import ExitCode
from reelmill.cli.main import app
from reelmill.cli.server import dispatcher_from
from reelmill.dispatch import Dispatcher
from reelmill.dispatch.tables.prefect_tables import flow_run
from reelmill.errors import UserError
from reelmill.queue.retry_policy import DEAD_LETTER
from reelmill.settings import get_settings
from tests.dispatch.run_server import TableServer, archiving
from tests.metrics.prefect_database import beside_catalogue, write_run

_AGE = ("--older-than", "90d")


@pytest.fixture
def prefect(catalogue: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Dispatcher]:
    """A site of whose jobs three ended long ago, one of them out of retries, and one lately."""
    monkeypatch.setattr(advisory_lock, "GRACE_SECONDS", 0.0)
    with beside_catalogue(catalogue, monkeypatch), archiving(TableServer()) as opened:
        for kind, days, tags in (("COMPLETED", 100, []), ("FAILED", 95, []), ("FAILED", 95, [DEAD_LETTER])):
            _write(kind, days, tags)
        _write("COMPLETED", 2, [])

        @contextmanager
        def of_here() -> Iterator[Dispatcher]:
            yield opened

        with dispatcher_from(of_here):
            yield opened


def _write(kind: str, days: int, tags: list[str]) -> None:
    ended = datetime.now(UTC) - timedelta(days=days)
    write_run([(kind, kind.capitalize(), None, 0)], end_time=ended, tags=tags)


def _archive(*arguments: str, code: int = 0, stdin: str = "") -> Result:
    result = CliRunner().invoke(app, ["jobs", "archive", *arguments], input=stdin)
    assert result.exit_code == code, (result.output, result.exception)
    return result


def _left() -> int:
    with get_engine().connect() as connection:
        return len(connection.scalars(select(flow_run.c.id)).all())


def _archived(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in gzip.open(path, "rt", encoding="utf-8")]


def test_they_are_counted_and_nothing_is_done(prefect: Dispatcher) -> None:
    assert _archive(*_AGE, "--dry-run").stdout == "2 old: 1 completed, 1 failed\n"
    counted = json.loads(_archive(*_AGE, "--dry-run", "--dead-letters", "--output", "json").stdout)
    assert counted == {"old": {"completed": 1, "failed": 2}, "archived": 0, "files": []}
    assert _archive("--older-than", "52w", "--dry-run").stdout == "0 old\n"
    assert (_left(), list(get_settings().archive_dir.glob("*"))) == (4, [])


def test_they_are_archived_once_somebody_has_agreed(prefect: Dispatcher) -> None:
    for reply in ("n\n", ""):
        assert "Archive 2 job(s)" in _archive(*_AGE, code=ExitCode.INTERRUPTED, stdin=reply).stderr
        assert _left() == 4
    result = _archive(*_AGE, "--reason", "a full disk", stdin="y\n")
    (file,) = get_settings().archive_dir.glob("*.jsonl.gz")
    assert result.stdout.splitlines()[-2:] == [f"2 in {file}", "2 archived"]
    assert (_left(), {line["status"] for line in _archived(file)}) == (2, {"completed", "failed"})
    (entry,) = prefect.audit.entries().entries
    assert (entry.action, entry.origin, entry.reason) == ("jobs.archive", "cli", "a full disk")
    assert entry.details == {"jobs": 2, "files": 1, "older_than_days": 90.0}
    assert _archive(*_AGE).stdout == "0 archived\n"  # nothing is asked where none is old


def test_what_programs_read(prefect: Dispatcher) -> None:
    result = _archive(*_AGE, "--dead-letters", "--yes", "--output", "json")
    found = json.loads(result.stdout)
    assert (found["old"], found["archived"]) == ({"completed": 1, "failed": 2}, 3)
    (file,) = found["files"]
    assert len(_archived(Path(file))) == 3


def test_the_age_is_that_of_the_setting_unless_one_is_given(
    prefect: Dispatcher, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert isinstance(_archive("--dry-run", code=1).exception, UserError)
    monkeypatch.setenv("REELMILL_KEEP_JOBS_DAYS", "97")
    get_settings.cache_clear()
    assert _archive("--dry-run").stdout == "1 old: 1 completed\n"
    assert _archive(*_AGE, "--dry-run").stdout == "2 old: 1 completed, 1 failed\n"


@pytest.mark.parametrize("age", ["soon", "1h", "9999999999w"])
def test_an_age_that_cannot_be_is_refused(prefect: Dispatcher, age: str) -> None:
    assert isinstance(_archive("--older-than", age, "--yes", code=1).exception, UserError)
    assert _left() == 4
