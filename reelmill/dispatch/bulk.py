"""Many jobs at once: counted, cancelled, cleared away; a few questions for each hundred."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import Any, Final

from prefect.client.schemas.objects import State
from prefect.states import Cancelled, Cancelling

from reelmill.dispatch.connection import Connection, new_state, read_pages, translates_errors
from reelmill.dispatch.control import this_user
from reelmill.dispatch.job_filter import FINAL_TYPES, JobFilter, request_body
from reelmill.queue.actor import Actor
from reelmill.queue.job import RULE_TIME, SUSPENDED, WAITING_FOR_VRAM, is_settled

_AT_ONCE: Final = 50  # the most runs that the server changes in one go
_ROUNDS: Final = 5  # a job that changes meanwhile is looked at again

_NO_PROCESS: Final = [WAITING_FOR_VRAM, SUSPENDED]

#: States of jobs that hold no process, and are cancelled at once.
_WAITING: Final[tuple[dict[str, Any], ...]] = (
    {"type": {"any_": ["SCHEDULED"]}},
    {"type": {"any_": ["PENDING", "PAUSED"]}, "name": {"any_": _NO_PROCESS}},
)

#: States of jobs that a worker has to stop.
_STARTED: Final[dict[str, Any]] = {
    "type": {"any_": ["PENDING", "RUNNING", "PAUSED"]},
    "name": {"not_any_": _NO_PROCESS},
}


class Bulk:
    """Does with many jobs what ``Jobs`` does with one."""

    def __init__(self, connection: Connection):
        self._connection = connection

    @translates_errors
    def count(self, job_filter: JobFilter) -> int:
        """How many jobs a filter chooses.

        Args:
            job_filter: which.

        Returns:
            Their number.

        Raises:
            PlatformError: the server is away.
        """
        return int(self._connection.post("/flow_runs/count", **self._body(job_filter)))

    @translates_errors
    def ids(self, job_filter: JobFilter) -> list[uuid.UUID]:
        """The jobs that a filter chooses.

        Args:
            job_filter: which.

        Returns:
            Their ids, the newest first.

        Raises:
            PlatformError: the server is away.
        """
        body, post = self._body(job_filter), self._connection.post

        def read(limit: int, offset: int) -> list[uuid.UUID]:
            runs = post("/flow_runs/filter", **body, sort="ID_DESC", limit=limit, offset=offset)
            return [uuid.UUID(run["id"]) for run in runs]  # the runs themselves would take much memory

        return list(dict.fromkeys(read_pages(read)))

    @translates_errors
    def cancel(self, job_ids: Iterable[uuid.UUID], by: Actor | None = None) -> int:
        """Cancel jobs: those that wait at once; those that run are stopped by their workers.

        Args:
            job_ids: the jobs; those that are over are left alone.
            by: who wants that; None: whoever runs this process.

        Returns:
            How many are cancelled or being stopped.

        Raises:
            PlatformError: the server is away.
        """
        who = by or this_user()
        return sum(self._cancel(chosen, who) for chosen in _in_portions(job_ids))

    @translates_errors
    def clear(self, job_ids: Iterable[uuid.UUID]) -> int:
        """Delete what the server holds of jobs that are over, with their logs; files and the catalogue stay.

        Args:
            job_ids: the jobs; those that are not over, or may be sent back at once to be tried again, are left alone.

        Returns:
            How many were deleted.

        Raises:
            PlatformError: the server is away.
        """
        return sum(self._clear(chosen) for chosen in _in_portions(job_ids))

    def _body(self, job_filter: JobFilter) -> dict[str, Any]:
        return request_body(job_filter, self._connection.clock.now())

    def _cancel(self, job_ids: Sequence[uuid.UUID], by: Actor) -> int:
        left = set(job_ids)
        for _ in range(_ROUNDS):
            before = len(left)
            for state in _WAITING:
                left -= self._set_state(left, state, Cancelled(message=by.did("Cancelled")))
            left -= self._set_state(left, _STARTED, Cancelling(message=by.did("Cancelled")))
            if len(left) == before:
                break
        self._connection.log_line([job_id for job_id in job_ids if job_id not in left], by.did("cancelled"))
        return len(job_ids) - len(left)

    def _set_state(self, job_ids: set[uuid.UUID], present: dict[str, Any], state: State[Any]) -> set[uuid.UUID]:
        """Set the state of those of these runs whose present one is as described; returns which accepted it."""
        if not job_ids:
            return set()
        response = self._connection.post(
            "/flow_runs/bulk_set_state", flow_runs=_chosen(job_ids, present), state=new_state(state), limit=_AT_ONCE
        )
        return {uuid.UUID(run["flow_run_id"]) for run in response["results"] if run["status"] == "ACCEPT"}

    def _clear(self, job_ids: Sequence[uuid.UUID]) -> int:
        settling = self._settling(job_ids)
        left = [job_id for job_id in job_ids if job_id not in settling]
        over = _chosen(left, {"type": {"any_": list(FINAL_TYPES)}})
        return len(self._connection.post("/flow_runs/bulk_delete", flow_runs=over, limit=_AT_ONCE)["deleted"])

    def _settling(self, job_ids: Sequence[uuid.UUID]) -> set[uuid.UUID]:
        """Those that failed just now, before their workers have applied the retry rule."""
        now = self._connection.clock.now()
        failed = _chosen(job_ids, {"type": {"any_": ["FAILED", "CRASHED"]}})
        body = {"flow_runs": {**failed, "end_time": {"after_": (now - RULE_TIME).isoformat()}}}
        runs = self._connection.filter_runs(body)
        return {run.id for run in runs if not is_settled(run.tags, run.labels, run.end_time, now)}


def _chosen(job_ids: Iterable[uuid.UUID], state: dict[str, Any]) -> dict[str, Any]:
    return {"id": {"any_": [str(job_id) for job_id in job_ids]}, "state": state}


def _in_portions(job_ids: Iterable[uuid.UUID]) -> Iterator[list[uuid.UUID]]:
    ids = iter(dict.fromkeys(job_ids))
    while portion := list(islice(ids, _AT_ONCE)):
        yield portion
