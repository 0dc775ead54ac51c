"""Another session of the database: what a run on another node does to our locks."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg

from reelmill.catalogue.advisory_lock import APPLICATION, key_of
from reelmill.settings import get_settings
from tests.patience import PATIENCE


def _url() -> str:
    url = get_settings().database_url
    assert url is not None
    return url


class Other:
    """One more session."""

    def __init__(self, connection: psycopg.Connection[Any]):
        self.connection = connection

    def ask(self, statement: str, *values: object) -> Any:
        """The first value of the answer; None where there is none."""
        row = self.connection.execute(statement.encode(), values).fetchone()
        return None if row is None else row[0]

    def takes(self, name: str) -> bool:
        """Whether it gets the lock at once; it keeps it."""
        return bool(self.ask("SELECT pg_try_advisory_lock(%s)", key_of(name)))

    def free(self, name: str) -> None:
        """Give the lock back."""
        assert self.ask("SELECT pg_advisory_unlock(%s)", key_of(name))

    def sessions(self) -> list[int]:
        """The server's processes that hold locks in this database, and in none of another site, for our processes."""
        ours = "SELECT pid FROM pg_stat_activity WHERE application_name = %s AND datname = current_database()"
        rows = self.connection.execute(ours, (APPLICATION,))
        return [pid for (pid,) in rows]

    def cut_off(self) -> None:
        """End those."""
        for pid in self.sessions():
            self.ask("SELECT pg_terminate_backend(%s, 5000)", pid)

    def takes_over(self, name: str) -> None:
        """End those, and have the lock before anybody can ask for it: it stands in line for it."""
        waiting = threading.Thread(target=self.ask, args=("SELECT pg_advisory_lock(%s)", key_of(name)))
        waiting.start()
        with other() as killer:
            waits = "SELECT count(*) FROM pg_locks WHERE pid = %s AND NOT granted"
            while not killer.ask(waits, self.connection.info.backend_pid):
                assert waiting.is_alive()
            killer.cut_off()
        waiting.join(PATIENCE)
        assert not waiting.is_alive()


@contextmanager
def other() -> Iterator[Other]:
    """One more session, while the block runs."""
    with psycopg.connect(_url(), autocommit=True, application_name="another") as connection:
        yield Other(connection)


@contextmanager
def database_away(spared: str = "") -> Iterator[None]:
    """No connection to the database, old or new, while the block runs.

    Args:
        spared: the application name of connections that live on.
    """
    socket = Path(_url().partition("?host=")[2]) / ".s.PGSQL.5432"
    with other() as killer:
        away = socket.rename(socket.with_name("away"))
        try:
            killer.ask(
                "SELECT count(pg_terminate_backend(pid, 5000)) FROM pg_stat_activity "
                "WHERE pid != pg_backend_pid() AND backend_type = 'client backend' AND application_name != %s",
                spared,
            )
            yield
        finally:
            away.rename(socket)
