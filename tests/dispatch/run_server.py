"""Whoever removes runs, on tables alone; and the archive of a site that has nothing else."""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import delete

from reelmill.catalogue.engine import get_engine
from reelmill.clock import SYSTEM
from reelmill.dispatch import Dispatcher
from reelmill.dispatch.services.archive import Archive
from reelmill.dispatch.tables.job_reader import JobReader
from reelmill.dispatch.tables.prefect_tables import flow_run
from reelmill.dispatch.testing import MemorySite
from reelmill.dispatch.totals.tally import JobTally


class Killed(BaseException):
    """What ends a process: nobody catches it."""


@dataclass
class TableServer:
    """Removes runs as Prefect's server does."""

    dies_after: int | None = None  # so many runs
    idle: bool = False

    def remove(self, ended: Mapping[uuid.UUID, datetime]) -> None:
        """Remove those that are as they were."""
        for number, (run_id, end) in enumerate(ended.items()):
            if number == self.dies_after:
                raise Killed
            if self.idle:
                continue
            over = flow_run.c.state_type.in_(("COMPLETED", "FAILED", "CRASHED", "CANCELLED"))
            with get_engine().begin() as connection:
                connection.execute(delete(flow_run).where(flow_run.c.id == run_id, flow_run.c.end_time <= end, over))
        if self.dies_after is not None:
            raise Killed


@contextmanager
def archiving(server: TableServer) -> Iterator[Dispatcher]:
    """A site in memory whose archive works on the tables of the database at hand.

    Args:
        server: that removes runs.

    Yields:
        Its dispatcher.
    """
    with MemorySite().dispatcher() as prefect:
        prefect.archive = Archive(server, lambda: None, JobTally(JobReader(dict)), prefect.audit, SYSTEM)
        yield prefect
