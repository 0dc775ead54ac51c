"""What came of jobs, as data: results themselves are files of the nodes that made them."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, cast, func, select
from sqlalchemy.dialects.postgresql import JSONB, JSONPATH

from reelmill.dispatch.tables.job_values import ResultItems
from reelmill.dispatch.tables.prefect_tables import artifact
from reelmill.queue.result_key import RESULT_DATA, RESULT_ITEMS, result_key


def read(connection: Connection, run_ids: Sequence[uuid.UUID]) -> dict[str, Any] | None:
    """The result of a job.

    Args:
        connection: to read by.
        run_ids: the runs that it has had.

    Returns:
        What its flow returned last; None where it has returned nothing.
    """
    own = (artifact.c.flow_run_id.in_(run_ids), artifact.c.type == RESULT_DATA)
    data = connection.scalar(select(artifact.c.data).where(*own).order_by(artifact.c.updated.desc()).limit(1))
    return data if isinstance(data, dict) else None


def result_card(connection: Connection, run_ids: Sequence[uuid.UUID]) -> str | None:
    """The result card of a job, as markdown; its images are within the text.

    Args:
        connection: to read by.
        run_ids: the runs that it has had.

    Returns:
        That of its last run; None where it has made none: it is not over, or has failed.
    """
    own = artifact.c.key.in_([result_key(run_id) for run_id in run_ids])
    data = connection.scalar(select(artifact.c.data).where(own).order_by(artifact.c.updated.desc()).limit(1))
    return data if isinstance(data, str) else None


def items(connection: Connection, run_ids: Sequence[uuid.UUID], first: int, count: int) -> ResultItems | None:
    """Some of the items of a job's result; the database cuts them out, so that the others never leave it.

    Args:
        connection: to read by.
        run_ids: the runs that it has had.
        first: of the items, from 0.
        count: how many at most, 1 or more.

    Returns:
        The items; None where its result is no list of them.
    """
    own = (artifact.c.flow_run_id.in_(run_ids), artifact.c.type == RESULT_ITEMS)
    data = cast(artifact.c.data, JSONB)
    some = func.jsonb_path_query_array(data, cast(f"$[{first} to {first + count - 1}]", JSONPATH))
    chosen = select(func.jsonb_array_length(data), some).where(*own).order_by(artifact.c.updated.desc()).limit(1)
    row = connection.execute(chosen).first()
    return None if row is None else ResultItems(total=row[0], items=tuple(row[1]))
