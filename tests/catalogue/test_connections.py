"""Connections to the database: enough for a large site, waited for where all are in use, each of one process."""

from __future__ import annotations

import os
import threading
import uuid
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import Engine, create_engine, text

from reelmill.catalogue import engine
from reelmill.catalogue.connections import API_POOL, POOL, allowed, most
from reelmill.catalogue.embedded import EmbeddedPostgres
from reelmill.catalogue.engine import database_errors, get_engine
from reelmill.errors import PlatformError
from reelmill.settings import get_settings
from tests.patience import PATIENCE


def test_what_twenty_nodes_of_32_cores_open() -> None:
    """By hand: a node has 24 jobs, 3 workers, 2 processes more, each with 2 + 1 connections, the workers with 4;
    the API has 13.
    """
    assert most(20, 32) == 15 + 3 + 20 + 13 + 20 * (24 * 3 + 3 * 4 + 2 * 3)
    assert most(1, 1) == 15 + 3 + 20 + 13 + (3 * 3 + 3 * 4 + 2 * 3)


def test_the_embedded_server_takes_as_many(catalogue: str) -> None:
    with get_engine().connect() as connection:
        alone = int(connection.execute(text("SHOW max_connections")).scalar_one())
    assert alone == allowed(os.cpu_count() or 1, shared=False) >= most(1, os.cpu_count() or 1)
    assert allowed(8, shared=True) == most(20, 32)
    assert allowed(128, shared=True) == most(20, 128)


def test_who_finds_all_connections_in_use_waits(catalogue: str) -> None:
    begin, done = threading.Barrier(POOL + 1), []
    taken = [get_engine().connect() for _ in range(POOL)]

    def work() -> None:
        begin.wait(PATIENCE)
        with get_engine().connect() as connection:
            done.append(connection.execute(text("SELECT 1")).scalar_one())

    threads = [threading.Thread(target=work) for _ in range(POOL)]
    for thread in threads:
        thread.start()
    begin.wait(PATIENCE)
    assert done == []
    for connection in taken:
        connection.close()
    for thread in threads:
        thread.join(PATIENCE)
    assert done == [1] * POOL


def test_who_waits_in_vain_is_told_and_tried_again(catalogue: str) -> None:
    engine = create_engine(catalogue, pool_size=1, max_overflow=0, pool_timeout=0.01)
    with (
        engine.connect(),
        pytest.raises(PlatformError, match=r"connections of this process .* were in use") as told,
        database_errors(),
    ):
        engine.connect()
    assert told.value.retryable
    engine.dispose()


def _at_another_url(catalogue: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same database by another URL, for which this process has no engine yet."""
    url = catalogue.replace("+psycopg", "")
    monkeypatch.setenv("REELMILL_DATABASE_URL", f"{url}&application_name={uuid.uuid4()}")
    get_settings.cache_clear()


def test_threads_that_come_first_make_one_engine(catalogue: str, monkeypatch: pytest.MonkeyPatch) -> None:
    begin, settle = threading.Barrier(4), engine._settle_schema
    made: list[Engine] = []

    def slowly(one: Engine, ours: EmbeddedPostgres | None) -> None:
        made.append(one)
        settle(one, ours)

    def work() -> Engine:
        begin.wait(PATIENCE)
        return get_engine()

    monkeypatch.setattr(engine, "_settle_schema", slowly)
    _at_another_url(catalogue, monkeypatch)
    with ThreadPoolExecutor(4) as threads:
        found = {id(one.result(PATIENCE)) for one in [threads.submit(work) for _ in range(4)]}
    assert found == {id(one) for one in made}
    assert len(made) == 1
    made[0].dispose()


def test_a_process_that_serves_has_more_connections_and_less_patience(
    catalogue: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine, "_pool", engine._pool)  # as it was, afterwards
    engine.serve_many()
    _at_another_url(catalogue, monkeypatch)
    served = get_engine()
    opened = [served.connect() for _ in range(API_POOL)]
    try:
        monkeypatch.setattr(served.pool, "_timeout", 0.01)
        with pytest.raises(PlatformError), database_errors():
            served.connect()
    finally:
        for connection in opened:
            connection.close()
        served.dispose()
    assert engine._pool.seconds <= 10


def test_a_forked_process_opens_connections_of_its_own(catalogue: str) -> None:
    def session() -> int:
        with get_engine().connect() as connection:
            return int(connection.execute(text("SELECT pg_backend_pid()")).scalar_one())

    ours = {session() for _ in range(POOL)}
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        os.write(write, str(session()).encode())
        os._exit(0)
    os.waitpid(child, 0)
    os.close(write)
    with os.fdopen(read) as pipe:
        assert int(pipe.read()) not in ours
    assert session() in ours
