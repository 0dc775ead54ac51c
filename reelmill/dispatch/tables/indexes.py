"""Indexes of our own on Prefect's tables, for what it cannot filter by and for what it counts row by row.

They are made as a site comes up, beside a server that works: an upgrade of Prefect migrates its own indexes and leaves
these alone. Where it drops a table or a column, PostgreSQL drops the index with it, and the next start makes it anew.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from sqlalchemy import Connection, Engine, text

from reelmill.catalogue.engine import database_errors
from reelmill.queue.encode_labels import ENGINE
from reelmill.queue.job_chain import JOB_LABEL
from reelmill.queue.retry_policy import CLASS_LABEL
from reelmill.queue.worker_facts import WORKER_LABEL

#: What the name of each begins with.
PREFIX: Final = "reelmill_"

#: Key of the advisory lock under which they are made.
_LOCK: Final = 7_221_002

#: Building one waits for the transactions of others; a start does not wait for ever, and the next one tries again.
_LOCK_TIMEOUT: Final = "20s"


@dataclass(frozen=True)
class OwnIndex:
    """One index on Prefect's runs."""

    name: str
    definition: str  # what follows its table's name


def _of_label(name: str, label: str) -> OwnIndex:
    """Of a label that few runs bear."""
    field = f"(labels ->> '{label}')"
    return OwnIndex(f"{PREFIX}run_{name}", f"({field}) WHERE {field} IS NOT NULL")


INDEXES: Final = (
    OwnIndex(f"{PREFIX}run_created", "(created DESC, id DESC)"),
    OwnIndex(f"{PREFIX}run_tags", "USING gin (tags jsonb_path_ops)"),
    OwnIndex(f"{PREFIX}run_video", "((parameters ->> 'video_id')) WHERE (parameters ->> 'video_id') IS NOT NULL"),
    # It holds all that counts need, so that they read no run.
    OwnIndex(f"{PREFIX}run_counts", "(state_type, flow_id, work_queue_id, state_name, expected_start_time)"),
    _of_label("job", JOB_LABEL),
    _of_label("failure_class", CLASS_LABEL),
    _of_label("engine", ENGINE),
    OwnIndex(f"{PREFIX}run_worker", f"((labels ->> '{WORKER_LABEL}'), created DESC)"),
)


def ensure(engine: Engine, notify: Callable[[str], None] = lambda _: None) -> list[str]:
    """Make the indexes that are missing; runs go on being written meanwhile.

    One that a killed build has left invalid is made again.

    Args:
        engine: of the site's database, which Prefect has migrated.
        notify: called with a line where any is missing.

    Returns:
        The names of those that were made.

    Raises:
        PlatformError: the database does not answer, or others kept an index from being built.
    """
    with database_errors(), engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        if not connection.scalar(text("SELECT pg_try_advisory_lock(:key)"), {"key": _LOCK}):
            return []  # another node of the site is at it
        try:
            connection.exec_driver_sql(f"SET lock_timeout = '{_LOCK_TIMEOUT}'")
            return _make_missing(connection, notify)
        finally:
            connection.exec_driver_sql("RESET lock_timeout")
            connection.execute(text("SELECT pg_advisory_unlock(:key)"), {"key": _LOCK})


def _make_missing(connection: Connection, notify: Callable[[str], None]) -> list[str]:
    valid = _valid(connection)
    missing = [index for index in INDEXES if not valid.get(index.name)]
    if missing:
        notify("indexes of the jobs")
    for index in missing:
        if index.name in valid:  # a build that was killed has left it: it costs, and serves nobody
            connection.exec_driver_sql(f"DROP INDEX CONCURRENTLY IF EXISTS {index.name}")
        create = f"CREATE INDEX CONCURRENTLY IF NOT EXISTS {index.name} ON flow_run {index.definition}"
        connection.exec_driver_sql(create)
    if missing:
        connection.exec_driver_sql("ANALYZE flow_run")  # PostgreSQL keeps what it knows of an expression with its index
    return [index.name for index in missing]


def _valid(connection: Connection) -> dict[str, bool]:
    """Our indexes that are there, and whether each of them serves."""
    own = text(
        "SELECT class.relname, index.indisvalid FROM pg_index AS index JOIN pg_class AS class ON class.oid = indexrelid"
        " WHERE indrelid = 'flow_run'::regclass AND class.relname LIKE :prefix"
    )
    prefix = PREFIX.replace("_", "\\_") + "%"
    return dict(connection.execute(own, {"prefix": prefix}).tuples().all())
