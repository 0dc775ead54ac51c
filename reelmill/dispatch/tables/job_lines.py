"""The lines of a job's log, over all its runs, going on from a cursor.

Prefect's processes send their lines in batches, each process for itself, so that older lines come after newer ones.
A cursor therefore names what was seen, not a time: each line is read once, and the late ones with the next page.
"""

from __future__ import annotations

import logging
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, Row, Select, select

from reelmill.dispatch.runs.job_log import LogLine
from reelmill.dispatch.tables import cursors, snapshots
from reelmill.dispatch.tables.prefect_tables import log
from reelmill.errors import UserError

#: The most lines of a log on a page.
MOST_LINES: Final = 10_000

_KIND: Final = "log"
_ORDER: Final = (log.c.timestamp, log.c.id)


@dataclass(frozen=True)
class LogPage:
    """Some lines of a job's log."""

    lines: list[LogLine]  # in the order of their times
    cursor: str  # hand it back for what comes after these
    complete: bool  # nothing more was there when they were read


@dataclass(frozen=True)
class _Position:
    """Where a reading stands: of what came between two snapshots, the lines up to one were read."""

    seen: str | None  # all of it was read before; None: nothing was
    until: str | None  # what is being read now; None: whatever is there by then
    last: tuple[datetime, uuid.UUID] | None  # the last line of it that was read

    def encode(self) -> str:
        return cursors.encode(_KIND, self.seen, self.until, *(self.last or (None, None)))


def require_lines(limit: int) -> None:
    """Raise ``UserError`` where no page can have so many lines (pure)."""
    if not 1 <= limit <= MOST_LINES:
        raise UserError(f"A page of {limit} lines cannot be; it has 1 to {MOST_LINES}.")


def read(connection: Connection, run_ids: Sequence[uuid.UUID], after: str | None, limit: int) -> LogPage:
    """One page of lines.

    Args:
        connection: to read by.
        run_ids: the runs of one job.
        after: the cursor of the page before; None: from the first line on.
        limit: the most lines.

    Returns:
        The lines that follow.

    Raises:
        UserError: that is no cursor.
    """
    position = _position(connection, after)
    now = snapshots.present(connection)
    until = position.until or now
    lines = [
        _line(row) for row in connection.execute(_lines(run_ids, position, until).order_by(*_ORDER).limit(limit + 1))
    ]
    if len(lines) > limit:
        last = lines[limit - 1]
        return LogPage(lines[:limit], _Position(position.seen, until, (last.time, last.id)).encode(), False)
    return LogPage(lines, _Position(until, None, None).encode(), until == now)


def read_tail(connection: Connection, run_ids: Sequence[uuid.UUID], limit: int) -> LogPage:
    """The last lines that are there, and the cursor of what comes after them; see ``read``."""
    newest_first = _all(run_ids).order_by(log.c.timestamp.desc(), log.c.id.desc()).limit(limit)
    lines = [_line(row) for row in connection.execute(newest_first)][::-1]
    return LogPage(lines, _Position(snapshots.present(connection), None, None).encode(), True)


def _all(run_ids: Sequence[uuid.UUID]) -> Select[Any]:
    return select(log.c.id, log.c.timestamp, log.c.level, log.c.message).where(log.c.flow_run_id.in_(run_ids))


def _lines(run_ids: Sequence[uuid.UUID], position: _Position, until: str) -> Select[Any]:
    conditions: list[ColumnElement[bool]] = [~snapshots.unseen(log, until)]
    if position.seen is not None:
        conditions.append(snapshots.unseen(log, position.seen))
    if position.last is not None:
        conditions.append(cursors.is_after(_ORDER, position.last))
    return _all(run_ids).where(*conditions)


def _position(connection: Connection, after: str | None) -> _Position:
    """Where a cursor stands; one of another database begins anew."""
    if after is None:
        return _Position(None, None, None)
    *snapshot, time, row_id = cursors.decode(_KIND, after, 4)
    seen, until = (cursors.snapshot(text, after) if text else None for text in snapshot)
    if not all(snapshots.is_of_here(connection, text) for text in (seen, until) if text is not None):
        return _Position(None, None, None)
    return _Position(seen, until, cursors.place((time, row_id), after) if time else None)


def _line(row: Row[Any]) -> LogLine:
    return LogLine(row.timestamp, logging.getLevelName(row.level), row.message, row.id)
