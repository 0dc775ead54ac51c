"""Which run stands for a job now, and which did before: see ``reelmill.queue.job_chain``.

Chains are short, and nearly every job has one run: then nothing is asked beyond that run itself.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Final

from prefect.client.schemas.objects import FlowRun, StateType
from prefect.exceptions import ObjectNotFound

from reelmill.dispatch.server.connection import Connection
from reelmill.errors import UnknownName
from reelmill.queue import job_chain

_AT_ONCE: Final = 100  # jobs whose runs are asked for by their tags
_EARLIEST: Final = datetime.min.replace(tzinfo=UTC)


class JobChains:
    """Follows jobs from run to run."""

    def __init__(self, connection: Connection):
        self._connection = connection

    def present(self, job_id: uuid.UUID) -> FlowRun:
        """The run that stands for a job now.

        Args:
            job_id: the job's public id, or that of any of its runs.

        Returns:
            The run; where that which took its place was deleted, the last there is.

        Raises:
            UnknownName: no job has this id.
        """
        last = self._followed(self._first(job_id))[-1]
        if successor_id(last) is None:
            return last
        return _standing(self._later(public_id(last))) or last  # the run that took its place is gone

    def runs(self, job_id: uuid.UUID) -> list[FlowRun]:
        """Every run that stands, or stood, for a job.

        Args:
            job_id: the job's public id, or that of any of its runs.

        Returns:
            The runs that are still there, the first first.

        Raises:
            UnknownName: no job has this id.
        """
        run = self._first(job_id)
        chain = [*self.before(run), *self._followed(run)]
        if public_id(run) != run.id or successor_id(run) is not None:  # one between may be gone
            known = {one.id for one in chain}
            chain += [one for one in self._later(public_id(run)) if one.id not in known]
        return sorted(chain, key=_created)

    def before(self, run: FlowRun) -> list[FlowRun]:
        """The runs whose place a run has taken, the first first; none is asked for where its tags name none."""
        earlier: list[FlowRun] = []
        seen = {run.id}
        while (run_id := job_chain.replaces(run.tags)) is not None and run_id not in seen:
            seen.add(run_id)
            found = self._read(run_id)
            if found is None:
                break
            run = found
            earlier.append(run)
        return earlier[::-1]

    def present_of(self, job_ids: Iterable[uuid.UUID]) -> dict[uuid.UUID, FlowRun]:
        """The runs that stand for many jobs now: a question for each two hundred, and one more where some have moved.

        Args:
            job_ids: of the jobs.

        Returns:
            The run of each that exists, by the id that was given.
        """
        wanted = list(dict.fromkeys(job_ids))
        runs: dict[uuid.UUID, FlowRun] = {}
        unread = set(wanted)
        while unread:
            found = self._connection.read_runs(unread)
            runs |= {run.id: run for run in found}
            unread = {after for run in found if (after := successor_id(run)) is not None} - runs.keys() - unread
        present = {job_id: _last(runs, runs[job_id]) for job_id in wanted if job_id in runs}
        lost = [one for one in wanted if one not in present or successor_id(present[one]) is not None]
        return present | self._standing_of({one: public_id(present[one]) if one in present else one for one in lost})

    def _standing_of(self, public_ids: Mapping[uuid.UUID, uuid.UUID]) -> dict[uuid.UUID, FlowRun]:
        """The runs that stand for jobs of which earlier runs are gone, by the id that was given; with its public id."""
        found = self._later(*public_ids.values())
        of_job = {
            job_id: _standing([run for run in found if not set(job_chain.tags_of(public)).isdisjoint(run.tags)])
            for job_id, public in public_ids.items()
        }
        return {job_id: run for job_id, run in of_job.items() if run is not None}

    def _first(self, job_id: uuid.UUID) -> FlowRun:
        """The run of this id; where that is gone, the one that stands for the job of this id.

        Args:
            job_id: the job's public id, or that of any of its runs.

        Returns:
            The run.

        Raises:
            UnknownName: no job has this id.
        """
        run = self._read(job_id) or _standing(self._later(job_id))
        if run is None:
            raise UnknownName(f"No job has the id {job_id}.", str(job_id))
        return run

    def _followed(self, run: FlowRun) -> list[FlowRun]:
        """A run and those that took its place, one after the other."""
        chain = [run]
        while (run_id := successor_id(chain[-1])) is not None and run_id not in {one.id for one in chain}:
            found = self._read(run_id)
            if found is None:
                break
            chain.append(found)
        return chain

    def _read(self, run_id: uuid.UUID) -> FlowRun | None:
        try:
            return self._connection.client.read_flow_run(run_id)
        except ObjectNotFound:
            return None

    def _later(self, *job_ids: uuid.UUID) -> list[FlowRun]:
        """The runs that have taken the place of others of these jobs, or of these runs."""
        found: list[FlowRun] = []
        for start in range(0, len(job_ids), _AT_ONCE):
            tags = [tag for job_id in job_ids[start : start + _AT_ONCE] for tag in job_chain.tags_of(job_id)]
            found += self._connection.filter_runs({"flow_runs": {"tags": {"any_": tags}}})
        return found


def successor_id(run: FlowRun) -> uuid.UUID | None:
    """The run that has taken the place of this one, so far as its state names it; None where none has."""
    if run.state is None or run.state.type is not StateType.CANCELLED:
        return None
    return job_chain.replaced_by(run.state.message)


def public_id(run: FlowRun) -> uuid.UUID:
    """The id of the job that a run is of."""
    return job_chain.public_id(run.id, run.labels)


def _standing(runs: Sequence[FlowRun]) -> FlowRun | None:
    """The run of one job that stands for it, among all that have taken the place of another; None: there is none."""
    return max(
        runs, key=lambda run: (run.state is None or run.state.name != job_chain.REPLACED, *_created(run)), default=None
    )


def _created(run: FlowRun) -> tuple[datetime, uuid.UUID]:
    return run.created or _EARLIEST, run.id


def _last(runs: Mapping[uuid.UUID, FlowRun], run: FlowRun) -> FlowRun:
    """The end of the chain that begins with a run, among these."""
    seen = {run.id}
    while (after := successor_id(run)) is not None and after in runs and after not in seen:
        run = runs[after]
        seen.add(after)
    return run
