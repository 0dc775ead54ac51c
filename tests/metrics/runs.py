"""Ended and waiting runs, written into a site's database as Prefect has them; nobody has ever run them."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final

from sqlalchemy import text

from reelmill.catalogue.engine import get_engine
from reelmill.queue.encode_labels import EncodeFigures

#: A job of each kind of encode, with all that can be measured of one.
ENCODES: Final = (
    EncodeFigures("software", speed=3.0, bytes_in=900_000, bytes_out=300_000, vmaf=95.0, joules=500.0),
    EncodeFigures("nvenc", speed=12.0, bytes_in=900_000, bytes_out=400_000, vmaf=91.0, joules=90.0),
    EncodeFigures("copy", speed=80.0, bytes_in=900_000, bytes_out=900_000, joules=9.0),
)

#: One statement, since the run and its state refer to each other.
_RUN: Final = text("""
    WITH state AS (
        INSERT INTO flow_run_state (id, flow_run_id, type, name, message, timestamp)
        VALUES (:state_id, :id, CAST(:kind AS state_type), :name, 'generated', now())
    )
    INSERT INTO flow_run (
        id, created, updated, name, flow_id, state_type, state_name, state_id, state_timestamp, run_count,
        expected_start_time, start_time, end_time, total_run_time, parameters, tags, labels, job_variables
    ) SELECT :id, now(), now(), 'generated', flow.id, CAST(:kind AS state_type), :name, :state_id, now(), 1,
        now() - interval '90 s', now() - interval '80 s', now() - interval '20 s', interval '60 s', '{}',
        CAST(:tags AS jsonb), CAST(:labels AS jsonb), '{}'
    FROM flow WHERE flow.name = :type
""")


def write_ended(
    job_type: str, kind: str = "COMPLETED", labels: Mapping[str, Any] | None = None, *tags: str
) -> uuid.UUID:
    """Write a run that has ended.

    Args:
        job_type: one that is deployed.
        kind: the type of its state.
        labels: of the run.
        *tags: of the run.

    Returns:
        Its id.
    """
    run_id = uuid.uuid4()
    values = {
        "id": run_id,
        "state_id": uuid.uuid4(),
        "kind": kind,
        "name": kind.capitalize(),
        "type": job_type,
        "tags": json.dumps(tags),
        "labels": json.dumps(labels or {}),
    }
    with get_engine().begin() as connection:
        connection.execute(_RUN, values)
    return run_id


@contextmanager
def cleared_afterwards() -> Iterator[None]:
    """What was generated inside the block, and what was counted, is gone after it."""
    try:
        yield
    finally:
        with get_engine().begin() as connection:
            connection.execute(text("DELETE FROM flow_run WHERE name = 'generated'"))
            connection.execute(text("TRUNCATE catalogue.metric_total, catalogue.tallied_ending"))
