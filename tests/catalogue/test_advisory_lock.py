"""Locks that hold on every node: all through one connection, and never held by two."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from reelmill import guard
from reelmill.catalogue import advisory_lock
from reelmill.catalogue.advisory_lock import AdvisoryLock, LockTable, key_of, taken_keys, try_acquire
from reelmill.catalogue.engine import get_engine
from reelmill.errors import LockLost, PlatformError
from tests.catalogue.others import Other, database_away, other
from tests.patience import PATIENCE, until
from tests.refusals import refused


@pytest.fixture
def them(catalogue: str) -> Iterator[Other]:
    with other() as session:
        yield session


def _taken(name: str) -> AdvisoryLock:
    lock = try_acquire(name)
    assert lock is not None
    return lock


def _until(happens: Callable[[], bool], what: str) -> None:
    until(happens, lambda: what, pause=0.01)


def test_any_number_of_locks_takes_one_connection(them: Other) -> None:
    locks = [_taken(f"lock {number}") for number in range(500)]
    assert len(them.sessions()) == 1
    assert taken_keys() >= {key_of(f"lock {number}") for number in range(500)}
    assert not them.takes("lock 7")
    for lock in locks:
        lock.release()
    assert not taken_keys()
    assert them.takes("lock 7")


def test_two_threads_of_a_process_exclude_each_other(them: Other) -> None:
    inside, most, found = 0, 0, threading.Lock()
    begin = threading.Barrier(16)

    def work() -> None:
        nonlocal inside, most
        begin.wait(PATIENCE)
        for _ in range(20):
            lock = try_acquire("one")
            if lock is None:
                continue
            with found:
                inside += 1
                most = max(most, inside)
            time.sleep(0)
            with found:
                inside -= 1
            lock.release()

    threads = [threading.Thread(target=work) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE)
    assert most == 1
    assert them.takes("one")


def test_a_lock_whose_connection_died_is_had_again(them: Other) -> None:
    lock = _taken("a")
    (before,) = them.sessions()
    them.cut_off()
    assert lock.holds()
    assert not them.takes("a")
    assert them.sessions() != [before]
    lock.release()
    assert them.takes("a")


def test_who_held_a_lock_has_it_again_before_who_waits_for_it(them: Other, monkeypatch: pytest.MonkeyPatch) -> None:
    """As after a restart of the database: the one that waits asks first, and must not cost the other its work."""
    monkeypatch.setattr(advisory_lock, "BEAT_SECONDS", 3600)
    monkeypatch.setattr(advisory_lock, "GRACE_SECONDS", 3600)
    holder, waiter = (LockTable(_connect) for _ in range(2))
    lock = holder.try_acquire("a")
    assert lock is not None
    assert waiter.try_acquire("a") is None
    them.cut_off()
    assert waiter.try_acquire("a") is None
    assert lock.holds()
    holder.close()
    monkeypatch.setattr(waiter, "_grace", 0.0)
    _until(lambda: waiter.try_acquire("a") is not None, "a session that was closed kept its lock")  # in a moment
    waiter.close()


def _connect() -> psycopg.Connection[Any]:
    return advisory_lock._connection(get_engine())


def test_it_is_noticed_though_nobody_asks(them: Other, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(advisory_lock, "BEAT_SECONDS", 0.05)
    locks = [_taken("a"), _taken("b")]
    them.cut_off()
    _until(lambda: {key_of("a"), key_of("b")} <= taken_keys(), "the locks were not taken again")
    for lock in locks:
        lock.confirm()
        lock.release()


def test_a_lock_that_somebody_else_has_got_is_lost_and_the_others_hold(them: Other) -> None:
    lock, untouched = _taken("a"), _taken("b")
    them.takes_over("a")
    with refused(LockLost):
        lock.holds()
    with pytest.raises(LockLost):
        lock.check()
    assert untouched.holds()
    assert try_acquire("a") is None, "it is still being given up here, and held there"
    lock.release()
    them.free("a")
    again = _taken("a")
    again.confirm()
    again.release()
    untouched.release()


def test_a_lock_that_somebody_had_in_between_is_lost(them: Other, tmp_path: Path) -> None:
    lock = _taken("a")
    lock.witness = tmp_path / "attempt"
    lock.witness.mkdir()
    them.takes_over("a")
    lock.witness.rmdir()
    them.free("a")
    with pytest.raises(LockLost):
        lock.confirm()
    assert them.takes("a"), "and is not kept from the next one"
    lock.release()


def test_a_session_that_the_server_takes_for_alive_keeps_nothing_from_its_own_process(them: Other) -> None:
    """The network is gone for one side only: the server would hold the lock until its keepalives fail."""
    lock = _taken("a")
    (table,) = [table for table in advisory_lock._tables.values() if lock.key in table._held]
    assert table._session is not None
    connection = table._session.connection
    kept = os.dup(connection.fileno())  # what the server sees of us stays open
    try:
        deaf = os.open(os.devnull, os.O_RDWR)
        os.dup2(deaf, connection.fileno())
        os.close(deaf)
        assert lock.holds()
        assert not them.takes("a")
    finally:
        os.close(kept)
        lock.release()


def test_a_database_that_is_away_is_waited_for(them: Other, monkeypatch: pytest.MonkeyPatch) -> None:
    lock = _taken("a")
    with database_away():
        assert not lock.holds()
        with monkeypatch.context() as patch:
            patch.setattr(guard, "PATIENCE_SECONDS", 0.1)
            with refused(PlatformError):
                lock.confirm()
        with refused(PlatformError):
            try_acquire("b")
        confirmed = threading.Event()

        def confirm() -> None:
            lock.confirm()
            confirmed.set()

        waiting = threading.Thread(target=confirm)
        waiting.start()
        assert not confirmed.wait(0.2)
    assert confirmed.wait(PATIENCE)
    waiting.join()
    lock.release()


def test_a_lock_given_back_while_the_database_is_away_is_free(them: Other) -> None:
    lock = _taken("a")
    with database_away():
        lock.release()
    with other() as them:
        assert them.takes("a")


# Forks


def _in_a_child(act: Callable[[], bool]) -> bool:
    child = os.fork()
    if child == 0:
        good = False
        try:
            good = act()
        finally:
            os._exit(0 if good else 1)
    return os.waitpid(child, 0)[1] == 0


def test_a_forked_process_has_none_of_its_parents_locks_and_a_connection_of_its_own(them: Other) -> None:
    lock = _taken("a")
    (session,) = them.sessions()

    def act() -> bool:
        try:
            lock.confirm()
        except LockLost:
            lock.release()
            mine = try_acquire("b")
            return mine is not None and try_acquire("a") is None and len(them_again()) == 2
        return False

    def them_again() -> list[int]:
        with other() as session_of_child:
            return session_of_child.sessions()

    assert _in_a_child(act)
    assert lock.holds()
    _until(lambda: them.sessions() == [session], "the child's session stayed, or its parent's went with it")
    lock.release()


def test_a_child_does_not_keep_the_locks_of_a_parent_that_dies(them: Other) -> None:
    read, write = os.pipe()
    parent = os.fork()
    if parent == 0:
        try_acquire("of the dead")
        if os.fork() == 0:
            os.close(write)
            os.read(read, 1)  # lives on until we close the pipe
            os._exit(0)
        os._exit(0)
    os.close(read)
    os.waitpid(parent, 0)
    try:
        _until(lambda: them.takes("of the dead"), "the lock is held by a child of its holder")
    finally:
        os.close(write)
