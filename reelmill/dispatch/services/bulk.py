"""Many jobs at once: counted, cancelled, cleared away, sent back, paused, moved.

What is done is written down as it is done, with an entry for each job in one statement for each portion, and one for
the whole at the end: whoever asks about a job finds it, and an action that is killed is known as far as it came.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime
from itertools import islice
from typing import Any, Final, TypeAlias

from prefect.client.schemas.objects import FlowRun, State
from prefect.states import Cancelled, Cancelling

from reelmill.dispatch.audit import Audit
from reelmill.dispatch.ranking import Ranking
from reelmill.dispatch.runs.control import CANCELLED_LINE, Control, SteeredJob, this_user
from reelmill.dispatch.runs.job_chains import public_id
from reelmill.dispatch.runs.job_filter import FINAL_TYPES, JobFilter, as_plain, needs_tables, request_body
from reelmill.dispatch.runs.job_views import JobViews
from reelmill.dispatch.server.connection import Connection, new_state, read_pages, translates_errors
from reelmill.dispatch.tables import job_pages
from reelmill.dispatch.tables.job_reader import JobReader
from reelmill.dispatch.tables.read_only import read_only
from reelmill.dispatch.totals.tally import JobTally
from reelmill.errors import UserError
from reelmill.queue import job_chain
from reelmill.queue.actor import Actor
from reelmill.queue.bulk_action import BulkAction, BulkPreview, BulkResult, preview_of
from reelmill.queue.job import SUSPENDED, WAITING_FOR_VRAM, JobStatus, is_settled, resolve_lane

_AT_ONCE: Final = 50  # the most runs that the server changes in one go
_ROUNDS: Final = 5  # a job that changes meanwhile is looked at again
_REASONS: Final = 10  # refusals whose reasons are returned

#: Jobs that are meant: a filter, or ids.
Chosen: TypeAlias = JobFilter | Iterable[uuid.UUID]
#: Runs that stand for jobs, each with the public id of its job.
Portion: TypeAlias = dict[uuid.UUID, uuid.UUID]

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
    """Does with many jobs what ``Jobs`` does with one. Jobs are chosen by a filter, or by their ids of any kind."""

    def __init__(self, connection: Connection, views: JobViews, reader: JobReader, tally: JobTally, audit: Audit):
        self._connection, self._chains, self._audit = connection, views.chains, audit
        self._reader, self._tally = reader, tally
        self._control = Control(connection, views.chains)
        self._ranking = Ranking(connection, views, self._control)

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
        if self._by_tables(job_filter):
            with read_only() as connection:
                return job_pages.total(connection, job_filter, self._connection.clock.now())
        return int(self._connection.post("/flow_runs/count", **self._body(job_filter)))

    @translates_errors
    def preview(self, job_filter: JobFilter, action: BulkAction) -> BulkPreview:
        """How many jobs an action would touch, and how many it would leave alone and why; nothing is done.

        Args:
            job_filter: which jobs.
            action: what is to be done.

        Returns:
            The counts at this moment.

        Raises:
            PlatformError: the server is away.
        """
        statuses = job_filter.statuses or tuple(JobStatus)
        return preview_of(action, {one: self.count(replace(job_filter, statuses=(one,))) for one in statuses})

    @translates_errors
    def ids(self, job_filter: JobFilter) -> list[uuid.UUID]:
        """The jobs that a filter chooses.

        Args:
            job_filter: which.

        Returns:
            The ids of their runs, the newest first.

        Raises:
            PlatformError: the server is away.
        """
        return list(self._public_ids(job_filter))

    @translates_errors
    def cancel(self, jobs: Chosen, by: Actor | None = None) -> int:
        """Cancel jobs: those that wait at once; those that run are stopped by their workers.

        Args:
            jobs: a filter or ids; those that are over are left alone.
            by: who wants that; None: whoever runs this process.

        Returns:
            How many are cancelled or being stopped.

        Raises:
            PlatformError: the server is away.
        """
        who = by or this_user()
        return self._in_portions(BulkAction.CANCEL, jobs, who, lambda portion: self._cancel(portion, who))

    @translates_errors
    def clear(self, jobs: Chosen, by: Actor | None = None) -> int:
        """Delete what the server holds of jobs that are over, with their logs; files and the catalogue stay.

        Where the site's database is at hand, metrics have counted them by then, whether or not anybody scrapes.

        Args:
            jobs: a filter or ids; those that are not over, or may be sent back at once to be tried again, are left
                alone.
            by: who wants that; None: whoever runs this process.

        Returns:
            How many were deleted.

        Raises:
            PlatformError: the server is away.
        """
        counted = self._database_at_hand()
        return self._in_portions(
            BulkAction.CLEAR, jobs, by or this_user(), lambda portion: self._clear(portion, counted=counted)
        )

    @translates_errors
    def retry(self, jobs: Chosen, by: Actor | None = None) -> BulkResult:
        """Send failed or cancelled jobs back at once: see ``Jobs.retry``.

        Args:
            jobs: a filter or ids.
            by: who wants that; None: whoever runs this process.

        Returns:
            How many were sent back, and which could not be.

        Raises:
            PlatformError: the server is away.
        """
        return self._each(BulkAction.RETRY, jobs, by, self._control.retry)

    @translates_errors
    def pause(self, jobs: Chosen, by: Actor | None = None) -> BulkResult:
        """Suspend jobs: see ``Jobs.pause``.

        Args:
            jobs: a filter or ids.
            by: who wants that; None: whoever runs this process.

        Returns:
            How many were paused, and which could not be.

        Raises:
            PlatformError: the server is away.
        """
        return self._each(BulkAction.PAUSE, jobs, by, self._control.pause)

    @translates_errors
    def resume(self, jobs: Chosen, by: Actor | None = None) -> BulkResult:
        """Let paused jobs go on: see ``Jobs.resume``.

        Args:
            jobs: a filter or ids.
            by: who wants that; None: whoever runs this process.

        Returns:
            How many go on, and which do not.

        Raises:
            PlatformError: the server is away.
        """
        return self._each(BulkAction.RESUME, jobs, by, self._control.resume)

    @translates_errors
    def prioritise(self, jobs: Chosen, lane: str, by: Actor | None = None) -> BulkResult:
        """Move waiting jobs to another lane: see ``Jobs.prioritise``.

        Args:
            jobs: a filter or ids.
            lane: its name, as ``resolve_lane`` returns it.
            by: who wants that; None: whoever runs this process.

        Returns:
            How many were moved, and which could not be.

        Raises:
            UnknownName: there is no such lane.
            PlatformError: the server is away.
        """
        lane = resolve_lane(queue=lane)
        return self._each(BulkAction.PRIORITISE, jobs, by, lambda job_id, who: self._move(job_id, lane, who), lane=lane)

    def _move(self, job_id: uuid.UUID, lane: str, by: Actor) -> SteeredJob:
        return self._ranking.move_to_lane(job_id, lane, by)

    def _each(
        self,
        action: BulkAction,
        jobs: Chosen,
        by: Actor | None,
        act: Callable[[uuid.UUID, Actor], SteeredJob],
        **details: Any,
    ) -> BulkResult:
        who, refusals = by or this_user(), []

        def do(portion: Portion) -> Iterator[uuid.UUID]:
            for run_id in portion:
                try:
                    steered = act(run_id, who)
                except UserError as error:  # it has started, ended or gone on meanwhile
                    refusals.append(str(error))
                    continue
                if steered.changed:
                    yield steered.public_id

        done = self._in_portions(action, jobs, who, do, **details)
        return BulkResult(done, len(refusals), tuple(refusals[:_REASONS]))

    def _in_portions(
        self,
        action: BulkAction,
        jobs: Chosen,
        by: Actor,
        act: Callable[[Portion], Iterable[uuid.UUID]],
        **details: Any,
    ) -> int:
        """Do something to jobs, some at a time, and write down to which it was done.

        Args:
            action: for the audit.
            jobs: chosen by a filter or ids.
            by: who does it.
            act: does it to some, and yields the public id of each that it was done to.
            **details: for the audit.

        Returns:
            To how many it was done.
        """
        asked = done = 0
        for portion in self._portions(jobs):
            changed: list[uuid.UUID] = []
            try:
                changed.extend(act(portion))
            finally:  # what was done before the server went away was done
                self._audit.record_each(str(action), by, changed, bulk=True, **details)
            asked, done = asked + len(portion), done + len(changed)
        if asked:
            chosen: dict[str, Any] = {"filter": as_plain(jobs)} if isinstance(jobs, JobFilter) else {}
            self._audit.record(f"bulk.{action}", by, chosen=asked, done=done, **chosen, **details)
        return done

    def _portions(self, jobs: Chosen) -> Iterator[Portion]:
        """The runs that stand for jobs, each with the job's public id; those that do not exist are left out."""
        if isinstance(jobs, JobFilter):
            items = iter(self._public_ids(jobs).items())
            while portion := dict(islice(items, _AT_ONCE)):
                yield portion
            return
        ids = iter(dict.fromkeys(jobs))
        while given := list(islice(ids, _AT_ONCE)):
            yield {run.id: public_id(run) for run in self._chains.present_of(given).values()}

    def _by_tables(self, job_filter: JobFilter) -> bool:
        """Whether the jobs are chosen by the site's database, where that is at hand, since the server cannot."""
        return needs_tables(job_filter) and self._database_at_hand()

    def _database_at_hand(self) -> bool:
        return self._reader.serves(self._connection.pool_ids())

    def _public_ids(self, job_filter: JobFilter) -> Portion:
        if self._by_tables(job_filter):
            with read_only() as connection:
                return job_pages.public_ids(connection, job_filter, self._connection.clock.now())
        body, post = self._body(job_filter), self._connection.post

        def read(limit: int, offset: int) -> list[tuple[uuid.UUID, uuid.UUID]]:
            runs = post("/flow_runs/filter", **body, sort="ID_DESC", limit=limit, offset=offset)
            ids = [(uuid.UUID(run["id"]), run["labels"]) for run in runs]  # the runs themselves would take much memory
            return [(run_id, job_chain.public_id(run_id, labels)) for run_id, labels in ids]

        return dict(read_pages(read))

    def _body(self, job_filter: JobFilter) -> dict[str, Any]:
        return request_body(job_filter, self._connection.clock.now())

    def _cancel(self, portion: Portion, by: Actor) -> Iterator[uuid.UUID]:
        left, message = set(portion), by.did("Cancelled")
        for _ in range(_ROUNDS):
            before = len(left)
            for present, new in (*((each, Cancelled) for each in _WAITING), (_STARTED, Cancelling)):
                cancelled = self._set_state(left, present, new(message=message))
                self._connection.log_line(cancelled, by.did("cancelled"))
                self._connection.log_line(cancelled, CANCELLED_LINE)
                yield from (portion[run_id] for run_id in cancelled)  # known at once: the server may go away now
                left -= cancelled
            if len(left) == before:
                return

    def _set_state(self, job_ids: set[uuid.UUID], present: dict[str, Any], state: State[Any]) -> set[uuid.UUID]:
        """Set the state of those of these runs whose present one is as described; returns which accepted it."""
        if not job_ids:
            return set()
        response = self._connection.post(
            "/flow_runs/bulk_set_state", flow_runs=_chosen(job_ids, present), state=new_state(state), limit=_AT_ONCE
        )
        return {uuid.UUID(run["flow_run_id"]) for run in response["results"] if run["status"] == "ACCEPT"}

    def _clear(self, portion: Portion, *, counted: bool) -> Iterator[uuid.UUID]:
        over = self._settled(portion)
        if counted:
            self._tally.update()
        moved = [run for run in over if portion[run.id] != run.id]
        before = {run.id: [one.id for one in self._chains.before(run)] for run in moved}
        deleted: list[uuid.UUID] = []
        # One that was sent back meanwhile and is over once more ended anew, which nobody has counted.
        latest = max((run.end_time for run in over if run.end_time is not None), default=None)
        ended = {} if latest is None else {"end_time": {"before_": latest.isoformat()}}
        for run_id in self._delete([run.id for run in over], **ended):
            deleted.append(run_id)
            yield portion[run_id]
        # They are of the same jobs.
        list(self._delete([one for run_id in deleted for one in before.get(run_id, [])]))

    def _delete(self, run_ids: Sequence[uuid.UUID], **further: Any) -> Iterator[uuid.UUID]:
        for start in range(0, len(run_ids), _AT_ONCE):
            over = _chosen(run_ids[start : start + _AT_ONCE], {"type": {"any_": list(FINAL_TYPES)}})
            response = self._connection.post("/flow_runs/bulk_delete", flow_runs={**over, **further}, limit=_AT_ONCE)
            yield from map(uuid.UUID, response["deleted"])

    def _settled(self, run_ids: Iterable[uuid.UUID]) -> list[FlowRun]:
        """Those that are over, without those that failed just now and to which the retry rule was not applied yet."""
        now = self._connection.clock.now()
        return [run for run in self._connection.read_runs(run_ids) if _is_settled(run, now)]


def _is_settled(run: FlowRun, now: datetime) -> bool:
    if run.state is None or not run.state.is_final():
        return False
    completed_or_cancelled = run.state.is_completed() or run.state.is_cancelled()
    return completed_or_cancelled or is_settled(run.tags, run.labels, run.end_time, now)


def _chosen(job_ids: Iterable[uuid.UUID], state: dict[str, Any]) -> dict[str, Any]:
    return {"id": {"any_": [str(job_id) for job_id in job_ids]}, "state": state}
