"""What a job has logged: its last lines, those since a moment, or all as they come."""

from __future__ import annotations

import logging
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from prefect.client.schemas.filters import LogFilter, LogFilterFlowRunId, LogFilterTimestamp
from prefect.client.schemas.objects import Log
from prefect.client.schemas.sorting import LogSort

from reelmill.dispatch.runs.job_views import JobViews
from reelmill.dispatch.server.connection import Connection, read_pages

_POLL_SECONDS: Final = 1.0

#: Prefect's processes send their lines in batches, each process for itself, so that older lines come after newer ones.
_LATE: Final = timedelta(seconds=30)

#: How long after the end of a job its last lines are waited for.
_LAST_SECONDS: Final = 2.5


@dataclass(frozen=True)
class LogLine:
    """One line of a job's log."""

    time: datetime
    level: str  # INFO, WARNING, …
    text: str
    id: uuid.UUID


class JobLog:
    """Reads logs; ``Jobs`` documents each operation."""

    def __init__(self, connection: Connection, views: JobViews):
        self._connection, self._views = connection, views

    def read(self, job_id: uuid.UUID, tail: int | None, after: datetime | None = None) -> list[LogLine]:
        """See ``Jobs.log``."""
        runs = [run.id for run in self._views.chains.runs(job_id)]
        since = None if after is None else LogFilterTimestamp(after_=after)
        chosen = LogFilter(flow_run_id=LogFilterFlowRunId(any_=runs), timestamp=since)
        read = self._connection.client.read_logs
        newest_first = read_pages(
            lambda limit, offset: read(log_filter=chosen, sort=LogSort.TIMESTAMP_DESC, limit=limit, offset=offset),
            at_most=tail,
        )
        return [_line(log) for log in newest_first[::-1]]

    def follow(self, job_id: uuid.UUID, tail: int | None) -> Iterator[list[LogLine]]:
        """See ``Jobs.follow_log``."""
        seen: set[uuid.UUID] = set()
        first: datetime | None = None  # what was written before it is not asked for
        after: datetime | None = None
        clock, ended = self._connection.clock, None
        while ended is None or clock.monotonic() - ended < _LAST_SECONDS + _POLL_SECONDS:
            over = self._views.of([self._views.chains.present(job_id)])[0].over
            lines = self.read(job_id, tail if after is None else None, after)
            new = [line for line in lines if line.id not in seen]
            if new:
                yield new
            if lines:
                first = first or lines[0].time
                after = max(first, lines[-1].time - _LATE)
                seen = {line.id for line in lines if line.time >= after}
            if over and ended is None:
                ended = clock.monotonic()
            clock.sleep(_POLL_SECONDS)


def _line(log: Log) -> LogLine:
    return LogLine(log.timestamp, logging.getLevelName(log.level), log.message, log.id)
