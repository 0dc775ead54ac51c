"""Which job is meant: by its id, a beginning of that, or the name of its run."""

from __future__ import annotations

import re
import uuid
from collections.abc import Sequence
from typing import Any, Final

from prefect.client.schemas.objects import FlowRun

from reelmill.dispatch.runs.job_chains import successor_id
from reelmill.dispatch.runs.job_views import JobViews
from reelmill.dispatch.server.connection import Connection
from reelmill.errors import UnknownName, UserError

_BEGINNING: Final = re.compile(r"[0-9a-f]{4,32}")
_LISTED: Final = 10  # candidates that an error names
_SLACK: Final = 20  # runs that may come or go while one is looked for
_DIGITS: Final = 32


class JobNaming:
    """Finds the job that a person means."""

    def __init__(self, connection: Connection, views: JobViews):
        self._connection, self._views = connection, views

    def find(self, name: str) -> uuid.UUID:
        """See ``Jobs.find``."""
        digits = name.strip().lower().replace("-", "")
        if len(digits) == _DIGITS and _BEGINNING.fullmatch(digits):
            self._views.chains.present(uuid.UUID(digits))
            return uuid.UUID(digits)
        runs = self._beginning_with(digits) if _BEGINNING.fullmatch(digits) else []
        runs = _without_replaced(runs or self._named(name))
        if len(runs) == 1:
            return runs[0].id
        if not runs:
            raise UnknownName(
                f"No job has an id that begins with {name!r}, nor that name; `reelmill jobs list` lists the jobs.", name
            )
        raise UserError(f"{name!r} may be more than one job; name one of them by its id: {self._listed(runs)}.")

    def _beginning_with(self, digits: str) -> list[FlowRun]:
        """The runs whose ids begin so; the server has no such filter, but an order by id to search in halves."""
        last = uuid.UUID(digits.ljust(_DIGITS, "f"))
        start = max(0, self._first_up_to(last) - _SLACK)
        runs = self._by_id(start, _LISTED + 1 + 2 * _SLACK)
        return [run for run in runs if run.id.hex.startswith(digits)]

    def _first_up_to(self, last: uuid.UUID) -> int:
        """How many runs have a higher id; new ids are the highest, so the search begins there."""

        def higher(place: int) -> bool:
            found = self._by_id(place, 1)
            return bool(found) and found[0].id > last

        below, step = 0, 1  # places under ``below`` have higher ids
        while higher(below + step - 1):
            below, step = below + step, 2 * step
        above = below + step - 1  # this place has no higher one
        while below < above:
            middle = (below + above) // 2
            below, above = (middle + 1, above) if higher(middle) else (below, middle)
        return below

    def _by_id(self, offset: int, limit: int) -> list[FlowRun]:
        return self._read(sort="ID_DESC", offset=offset, limit=limit)

    def _named(self, name: str) -> list[FlowRun]:
        return self._read(flow_runs={"name": {"any_": [name]}}, limit=_LISTED + 1)

    def _read(self, **body: Any) -> list[FlowRun]:
        return [FlowRun.model_validate(run) for run in self._connection.post("/flow_runs/filter", **body)]

    def _listed(self, runs: Sequence[FlowRun]) -> str:
        shown = [f"{job.public_id} ({job.name}, {job.status})" for job in self._views.of(runs[:_LISTED])]
        return ", ".join(shown) + (", …" if len(runs) > _LISTED else "")


def _without_replaced(runs: Sequence[FlowRun]) -> list[FlowRun]:
    """These runs without those whose place another of them has taken: they are the same job."""
    there = {run.id for run in runs}
    return [run for run in runs if successor_id(run) not in there]
