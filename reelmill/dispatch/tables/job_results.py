"""What came of jobs, as data: results themselves are files of the nodes that made them."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, select

from reelmill.dispatch.tables.prefect_tables import artifact
from reelmill.queue.result_key import RESULT_DATA


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
