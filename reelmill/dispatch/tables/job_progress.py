"""How far jobs are: the progress bars on the pages of their runs."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from typing import Any, Final

from sqlalchemy import Connection, select

from reelmill.dispatch.runs.reading import Progress, progress_of
from reelmill.dispatch.tables.prefect_tables import artifact

#: The kind of artifact that is a progress bar.
PROGRESS: Final = "progress"


def read(connection: Connection, run_ids: Sequence[uuid.UUID]) -> dict[uuid.UUID, Progress]:
    """The progress of any number of runs.

    Args:
        connection: to read by.
        run_ids: the runs.

    Returns:
        The progress of each that has reported one; of several bars the one that moved last counts.
    """
    if not run_ids:
        return {}
    columns = (artifact.c.flow_run_id, artifact.c.data, artifact.c.description, artifact.c.metadata_)
    chosen = (
        select(*columns)
        .where(artifact.c.flow_run_id.in_(run_ids), artifact.c.type == PROGRESS)
        .order_by(artifact.c.updated)
    )
    found: dict[uuid.UUID, Progress] = {}
    for run_id, data, description, metadata in connection.execute(chosen):
        progress = progress_of(data, description, metadata)
        if progress is not None:
            found[run_id] = progress
    return found


def changed_runs(connection: Connection, conditions: Sequence[Any], limit: int) -> list[uuid.UUID]:
    """The runs whose progress bars fit some conditions on ``artifact``."""
    chosen = select(artifact.c.flow_run_id).where(
        artifact.c.type == PROGRESS, artifact.c.flow_run_id.is_not(None), *conditions
    )
    return list(dict.fromkeys(connection.scalars(chosen.order_by(artifact.c.updated).limit(limit))))
