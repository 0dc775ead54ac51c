"""Runs as they stand in the archive: all that is kept of each once the server has it no more."""

from __future__ import annotations

import uuid
from collections import defaultdict
from collections.abc import Collection, Iterator, Sequence
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Connection, select

from reelmill.dispatch.runs.job_log import LogLine
from reelmill.dispatch.tables import job_lines, run_rows
from reelmill.dispatch.tables.prefect_tables import artifact, flow_run, flow_run_state
from reelmill.queue.job import RunFacts, job_view
from reelmill.queue.result_key import RESULT_DATA, result_key, without_images

#: The most of one run's log that is kept, its end, in characters and in lines.
MOST_OF_A_LOG: Final = 1_000_000
MOST_LINES: Final = 20_000


def records(
    connection: Connection, run_ids: Sequence[uuid.UUID], now: datetime, max_retries: int
) -> Iterator[dict[str, Any]]:
    """All that is kept of runs.

    Args:
        connection: to read by.
        run_ids: the runs, of which all but their logs are in memory at once.
        now: the present, with its zone.
        max_retries: the setting of that name.

    Yields:
        An object for each run that is there, in the order of their ids.
    """
    shared = run_rows.pool_variables(connection)
    rows = connection.execute(run_rows.runs().where(flow_run.c.id.in_(run_ids)).order_by(flow_run.c.id)).all()
    states, results, shown = (
        _states(connection, run_ids),
        _results(connection, run_ids),
        _result_cards(connection, run_ids),
    )
    for row in rows:
        run = run_rows.facts(row, shared)
        lines = job_lines.read_tail(connection, [run.id], MOST_LINES + 1).lines
        yield record(run, now, max_retries) | {
            "states": states[run.id],
            "result": results.get(run.id),
            "result_card": shown.get(run.id),
            **log_record(lines),
        }


def record(run: RunFacts, now: datetime, max_retries: int) -> dict[str, Any]:
    """What a run is in the archive, without what other tables hold of it (pure).

    Args:
        run: the run.
        now: the present, with its zone.
        max_retries: the setting of that name.

    Returns:
        Plain values and times; ``id`` is the public id of its job.
    """
    job = job_view(run, now, max_retries)
    names = (
        "name", "type", "status", "state", "message", "parameters", "pool", "lane", "priority", "tags", "retries",
        "max_retries", "failure_class", "dead_letter", "vram_mb", "attempt", "created", "scheduled", "started", "ended",
        "seconds", "replaces", "replaced_by",
    )  # fmt: skip
    fields = {name: getattr(job, name) for name in names}
    times = {name: value.isoformat() for name, value in fields.items() if isinstance(value, datetime)}
    return {"id": job.public_id, "run": job.id, **fields, **times, "labels": dict(run.labels)}


def log_record(lines: Sequence[LogLine]) -> dict[str, Any]:
    """A log in the archive: its end, where it is longer than ``MOST_OF_A_LOG`` (pure)."""
    text = "\n".join(f"{line.time.isoformat()} {line.level:<7} {line.text}" for line in lines[-MOST_LINES:])
    return {"log": text[-MOST_OF_A_LOG:], "log_cut": len(text) > MOST_OF_A_LOG or len(lines) > MOST_LINES}


def _states(connection: Connection, run_ids: Collection[uuid.UUID]) -> defaultdict[uuid.UUID, list[dict[str, Any]]]:
    columns = flow_run_state.c
    chosen = select(columns.flow_run_id, columns.timestamp, columns.type, columns.name, columns.message)
    found: defaultdict[uuid.UUID, list[dict[str, Any]]] = defaultdict(list)
    for row in connection.execute(chosen.where(columns.flow_run_id.in_(run_ids)).order_by(columns.timestamp)):
        state = {"time": row.timestamp.isoformat(), "type": row.type, "name": row.name, "message": row.message}
        found[row.flow_run_id].append(state)
    return found


def _results(connection: Connection, run_ids: Collection[uuid.UUID]) -> dict[uuid.UUID, Any]:
    columns = artifact.c
    chosen = select(columns.flow_run_id, columns.data).where(columns.type == RESULT_DATA)
    rows = connection.execute(chosen.where(columns.flow_run_id.in_(run_ids)).order_by(columns.updated))
    return dict(rows.tuples().all())


def _result_cards(connection: Connection, run_ids: Collection[uuid.UUID]) -> dict[uuid.UUID, str]:
    """The result cards that runs have made, without their images."""
    columns = artifact.c
    keys = {result_key(run_id): run_id for run_id in run_ids}
    chosen = select(columns.key, columns.data).where(columns.key.in_(keys)).order_by(columns.updated)
    return {keys[key]: without_images(str(data)) for key, data in connection.execute(chosen)}
