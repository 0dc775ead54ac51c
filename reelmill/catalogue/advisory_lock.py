"""Locks by name that hold on every node of a site: PostgreSQL's advisory locks, which end with their session.

All locks of a process are held by one connection of its own, whatever their number, and none of the engine's pool. A
check every ``BEAT_SECONDS`` notices that it died. The locks are then acquired again at once on a new connection: a
database that restarts costs no work. A lock that somebody else has got meanwhile is lost, and its holder stops: see
``guard``.

Who notices first, where the network is gone: this process, ``BEAT_SECONDS`` and ``tcp_user_timeout`` (22 s) later; the
server, which then gives the locks away, after its keepalives (60 s: ``remote_access.KEEPALIVES``).
"""

from __future__ import annotations

import atexit
import hashlib
import os
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import psycopg
from sqlalchemy import Engine, text

from reelmill import guard
from reelmill.catalogue.engine import database_errors, get_engine
from reelmill.catalogue.remote_access import KEEPALIVES
from reelmill.errors import LockLost, PlatformError

#: Seconds between two checks of the connection while a lock is held.
BEAT_SECONDS: float = 2.0
#: How long a process whose connection died takes nothing new: meanwhile whoever held a lock regains it.
GRACE_SECONDS: float = 5.0
#: How long whoever held a lock may take to have it again after the start of the server: a beat, and an attempt to
#: connect that hangs meanwhile.
RETURN_SECONDS: float = 15.0

_ASK_AGAIN: Final = 0.5  # seconds
#: In ``pg_stat_activity``, unless PGAPPNAME names another.
APPLICATION: Final = "reelmill locks"
#: How long a session of ours that we cannot reach is waited for to end.
_END_MS: Final = 5_000


def key_of(name: str) -> int:
    """The 64-bit key of a name: the first 8 bytes of its SHA-256."""
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "big", signed=True)


class AdvisoryLock:
    """A lock that this process has; a ``Guard`` of what is done under it."""

    def __init__(self, table: LockTable, name: str):
        self.name, self.key = name, key_of(name)
        self.lost = False
        #: A folder that whoever has the lock next removes: that it is gone shows that somebody had it in between.
        self.witness: Path | None = None
        self._table = table

    def check(self) -> None:
        """See ``Guard.check``.

        Raises:
            LockLost: another run has taken over.
        """
        if self.lost:
            raise LockLost(
                f"The lock on {self.name} was lost with the connection to the database, and another run has taken over "
                "its work, so this run was stopped; tried again, it finds what the other has made."
            )

    def holds(self) -> bool:
        """See ``Guard.holds``.

        Returns:
            Whether the database confirms it; False where it does not answer.

        Raises:
            LockLost: another run has taken over.
        """
        self.check()
        try:
            self._table.check_session()
        except psycopg.OperationalError:
            return False
        self.check()
        return True

    def confirm(self) -> None:
        """See ``Guard.confirm``.

        Raises:
            LockLost: another run has taken over.
            PlatformError: the database did not answer for ``guard.PATIENCE_SECONDS``.
        """
        deadline = time.monotonic() + guard.PATIENCE_SECONDS
        while not self.holds():
            if time.monotonic() > deadline:
                raise PlatformError(
                    f"The catalogue's database did not answer for {guard.PATIENCE_SECONDS:g} s, so that nobody can "
                    f"tell whether the lock on {self.name} still holds; nothing more was put into the library."
                )
            time.sleep(_ASK_AGAIN)

    def release(self) -> None:
        """Give it back; whoever waits for it may have it."""
        self._table.release(self)

    @property
    def overtaken(self) -> bool:
        """Whether somebody had it since we began."""
        try:
            return self.witness is not None and not self.witness.exists()
        except OSError:  # the disk does not answer: what needs it will fail by itself
            return False


class _Session:
    """One connection to the server, and who it is there."""

    def __init__(self, connection: psycopg.Connection[Any]):
        self.connection = connection
        for name, seconds in KEEPALIVES.items():  # of this session, where an external server has others
            self.ask("SELECT set_config(%s, %s, false)", name, seconds)
        self.pid = int(self.ask("SELECT pg_backend_pid()"))
        self.began: datetime = self.ask("SELECT backend_start FROM pg_stat_activity WHERE pid = %s", self.pid)

    def ask(self, statement: str, *values: object) -> Any:
        """The one value of the result; None where it is empty."""
        row = self.connection.execute(statement.encode(), values).fetchone()
        return None if row is None else row[0]

    def try_acquire(self, key: int) -> bool:
        """Whether the lock was free, and is this session's now."""
        return bool(self.ask("SELECT pg_try_advisory_lock(%s)", key))

    def free(self, key: int) -> None:
        """Give back a lock."""
        self.ask("SELECT pg_advisory_unlock(%s)", key)

    def end(self, other: _Session) -> None:
        """End a session of ours that cannot be reached any more, and which the server may still hold for alive."""
        statement = "SELECT pg_terminate_backend(pid, %s) FROM pg_stat_activity WHERE pid = %s AND backend_start = %s"
        self.ask(statement, _END_MS, other.pid, other.began)


class LockTable:
    """All locks of this process in one database."""

    def __init__(self, connect: Callable[[], psycopg.Connection[Any]]):
        self._connect = connect
        self._held: dict[int, AdvisoryLock] = {}
        self._session: _Session | None = None
        self._former: _Session | None = None  # the last one that died
        self._grace = 0.0  # until when, by the monotonic clock
        self._mutex = threading.Lock()
        self._watched = False
        self._idle = threading.Event()  # no lock is held

    def try_acquire(self, name: str) -> AdvisoryLock | None:
        """Take the lock of a name.

        Returns:
            The lock; None where somebody has it, or may be about to have it again: ``GRACE_SECONDS``.

        Raises:
            psycopg.OperationalError: the database does not answer.
        """
        lock = AdvisoryLock(self, name)
        with self._mutex:
            if lock.key in self._held or not self._ask(lambda session: self._fair(session, lock.key)):
                return None
            self._held[lock.key] = lock
            self._idle.clear()
            if not self._watched:
                self._watched = True
                threading.Thread(target=self._watch, name="advisory locks", daemon=True).start()
        return lock

    def _fair(self, session: _Session, key: int) -> bool:
        return time.monotonic() >= self._grace and session.try_acquire(key)

    def release(self, lock: AdvisoryLock) -> None:
        """See ``AdvisoryLock.release``."""
        with self._mutex:
            if self._held.get(lock.key) is not lock:  # of the process that forked us
                return
            del self._held[lock.key]
            if not self._held:
                self._idle.set()
            if self._session is None:
                return
            try:
                self._session.free(lock.key)
            except psycopg.OperationalError:  # freed with its session
                self._drop()

    def check_session(self) -> None:
        """Check that the session lives, or that a new one has its locks.

        Raises:
            psycopg.OperationalError: the database does not answer.
        """
        with self._mutex:
            self._ask(lambda session: session.ask("SELECT 1"))

    def close(self) -> None:
        """Give everything back."""
        with self._mutex:
            self._held.clear()
            self._drop()

    def forget(self) -> _Session | None:
        """In a process just forked: nothing of this is ours, and the parent's connection is not kept open by us."""
        session, self._session, self._former = self._session, None, None
        for lock in self._held.values():
            lock.lost = True
        self._held, self._mutex, self._watched, self._idle = {}, threading.Lock(), False, threading.Event()
        if session is not None and not session.connection.closed:
            os.close(session.connection.fileno())  # the server hears nothing of it
        return session

    def _watch(self) -> None:
        while True:
            self._idle.wait(BEAT_SECONDS)
            with self._mutex:
                if not self._held:
                    self._watched = False
                    return
                with suppress(psycopg.Error):  # away: the next check will do
                    self._ask(lambda session: session.ask("SELECT 1"))

    def _ask(self, question: Callable[[_Session], Any]) -> Any:
        """Ask our session or, where it has died, a new one that has its locks."""
        if self._session is not None:
            try:
                return question(self._session)
            except psycopg.OperationalError:
                self._drop()
        self._session = self._renewed()
        return question(self._session)

    def _drop(self) -> None:
        if self._session is not None:
            self._former, self._session = self._session, None
            self._former.connection.close()

    def _renewed(self) -> _Session:
        connection = self._connect()
        try:
            session = _Session(connection)
            if self._former is not None:
                session.end(self._former)
                self._grace = time.monotonic() + GRACE_SECONDS
            for lock in self._held.values():
                _regain(session, lock)
        except psycopg.Error:
            connection.close()
            raise
        return session


def _regain(session: _Session, lock: AdvisoryLock) -> None:
    """Acquire a lock again whose session died."""
    if lock.lost:
        return
    if not session.try_acquire(lock.key):
        lock.lost = True
    elif lock.overtaken:
        session.free(lock.key)
        lock.lost = True


_tables: Final[dict[str, LockTable]] = {}
_inherited: Final[list[_Session | None]] = []  # never freed: what is collected would be closed
_making = threading.Lock()


def _table() -> LockTable:
    engine = get_engine()
    with _making:
        return _tables.setdefault(str(engine.url), LockTable(lambda: _connection(engine)))


def _connection(engine: Engine) -> psycopg.Connection[Any]:
    _, options = engine.dialect.create_connect_args(engine.url)
    named = {"fallback_application_name": APPLICATION, **options}
    return psycopg.connect(**named, autocommit=True, prepare_threshold=None)


def try_acquire(name: str) -> AdvisoryLock | None:
    """Take the lock of a name in this process's database.

    Returns:
        The lock; None where somebody else has it.

    Raises:
        PlatformError: the database does not answer.
    """
    with database_errors():
        return _table().try_acquire(name)


def seconds_to_return() -> float:
    """How long to wait until those who held locks before the server's start had the time to regain them.

    Returns:
        Seconds, 0 or more.

    Raises:
        PlatformError: the database does not answer.
    """
    age = text("SELECT extract(epoch FROM clock_timestamp() - pg_postmaster_start_time())")
    with database_errors(), get_engine().connect() as connection:
        return max(0.0, RETURN_SECONDS - float(connection.execute(age).scalar_one()))


def taken_keys() -> frozenset[int]:
    """The keys of all locks that anybody has, on any node.

    Returns:
        Each as ``key_of`` gives it.

    Raises:
        PlatformError: the database does not answer.
    """
    # As PostgreSQL shows a lock of one 64-bit key: two halves, and objsubid 1.
    held = text(
        "SELECT (classid::bigint << 32) | objid::bigint FROM pg_locks WHERE locktype = 'advisory' AND objsubid = 1 "
        "AND granted AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
    )
    with database_errors(), get_engine().connect() as connection:
        return frozenset(connection.execute(held).scalars())


def _forked() -> None:
    global _making
    _making = threading.Lock()
    _inherited.extend(table.forget() for table in _tables.values())


@atexit.register
def _close() -> None:
    for table in _tables.values():
        table.close()


os.register_at_fork(after_in_child=_forked)
