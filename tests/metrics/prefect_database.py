"""The tables of a Prefect server as far as they are read, in a schema of their own, and runs in them."""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import pytest
from sqlalchemy import insert, text

from reelmill.catalogue import advisory_lock
from reelmill.catalogue.engine import get_engine
from reelmill.dispatch.tables.prefect_tables import (
    METADATA,
    STATE_TYPES,
    flow,
    flow_run,
    flow_run_state,
    work_pool,
    work_queue,
)
from reelmill.settings import get_settings

#: Of these tables.
SCHEMA: Final = "generated"

#: Of the one flow, and of the one lane.
FLOW: Final = uuid.uuid4()
LANE: Final = uuid.uuid4()

#: Type, name, message, and the seconds for which a run was in it.
State = tuple[str, str, str | None, float]


@contextmanager
def beside_catalogue(catalogue: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Inside the block the catalogue's database has Prefect's tables, as every query of this process finds them.

    Args:
        catalogue: its URL.
        monkeypatch: puts the settings back.

    Yields:
        Nothing.
    """
    url = catalogue.replace("+psycopg", "")
    sign = "&" if "?" in url else "?"
    monkeypatch.setenv("REELMILL_DATABASE_URL", f"{url}{sign}options=-csearch_path%3D{SCHEMA},public")
    get_settings.cache_clear()
    make_tables()
    yield
    remove_tables()
    advisory_lock._table().close()  # a process has one for each URL, and this one is of the same database
    get_engine().dispose()


def make_tables() -> None:
    """Make them; the search path of the present database's connections leads to them."""
    remove_tables()
    with get_engine().begin() as connection:
        connection.execute(text(f"CREATE SCHEMA {SCHEMA}"))
        kinds = ", ".join(f"'{kind}'" for kind in STATE_TYPES)
        connection.execute(text(f"CREATE TYPE state_type AS ENUM ({kinds})"))
        METADATA.create_all(connection, checkfirst=False)
        connection.execute(insert(flow), {"id": FLOW, "name": "validate"})
        pool = uuid.uuid4()
        connection.execute(insert(work_pool), {"id": pool, "name": "cpu"})
        connection.execute(insert(work_queue), {"id": LANE, "name": "default-medium", "work_pool_id": pool})


def remove_tables() -> None:
    """Remove them, and what was counted of them."""
    with get_engine().begin() as connection:
        connection.execute(text(f"DROP SCHEMA IF EXISTS {SCHEMA} CASCADE"))
        connection.execute(text("TRUNCATE catalogue.metric_total, catalogue.tallied_ending"))
        connection.execute(text("TRUNCATE catalogue.archived_jobs, catalogue.archived_run"))


def write_run(states: Sequence[State], next_start: datetime | None = None, **differs: Any) -> uuid.UUID:
    """Write a run that was due as its first state began, and whose last one begins now.

    Args:
        states: that it has been in, in order.
        next_start: when it is tried again.
        **differs: columns of the run that are otherwise than these states make them.

    Returns:
        Its id.
    """
    run_id, now = uuid.uuid4(), datetime.now(UTC)
    since = now - timedelta(seconds=sum(seconds for *_, seconds in states[:-1]))
    rows: list[dict[str, Any]] = []
    at = since
    for kind, name, message, seconds in states:
        state = {"id": uuid.uuid4(), "flow_run_id": run_id, "type": kind, "name": name, "message": message}
        rows.append(state | {"timestamp": at})
        at += timedelta(seconds=seconds)
    ran = [(row["timestamp"], seconds) for row, (kind, *_, seconds) in zip(rows, states, strict=True)
           if kind == "RUNNING"]  # fmt: skip
    values = {
        "id": run_id, "created": since, "updated": now, "name": "generated", "flow_id": FLOW, "work_queue_id": LANE,
        "work_queue_name": "default-medium", "state_id": rows[-1]["id"], "state_type": rows[-1]["type"],
        "state_name": rows[-1]["name"], "run_count": len(ran), "expected_start_time": since,
        "next_scheduled_start_time": next_start, "start_time": ran[0][0] if ran else None, "end_time": now,
        "total_run_time": timedelta(seconds=sum(seconds for _, seconds in ran)), "parameters": {}, "tags": [],
        "labels": {}, "job_variables": {},
    }  # fmt: skip
    with get_engine().begin() as connection:
        connection.execute(insert(flow_run_state), rows)
        connection.execute(insert(flow_run), values | differs)
    return run_id
