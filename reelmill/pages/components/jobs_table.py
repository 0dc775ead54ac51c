"""A table of jobs that is kept up to date row by row."""

from __future__ import annotations

import uuid
from collections.abc import Awaitable, Callable, Iterable, Mapping
from datetime import datetime
from typing import Any, Final

from nicegui.element import Element
from nicegui.events import GenericEventArguments

from reelmill.dispatch import Progress
from reelmill.pages.components.badge import STATUS_ICONS
from reelmill.pages.components.job_types import type_icon
from reelmill.queue.job import FINAL, Job, JobStatus

#: What can be done from the table itself; the rest is done where the whole job is seen.
_ACTIONS: Final[Mapping[JobStatus, tuple[str, ...]]] = {
    JobStatus.PENDING: ("cancel",),
    JobStatus.QUEUED: ("cancel",),
    JobStatus.RUNNING: ("cancel",),
    JobStatus.FAILED: ("retry",),
}

#: With the reason why, which changes with the site.
_WAITING: Final = frozenset({JobStatus.PENDING, JobStatus.QUEUED, JobStatus.PAUSED})

#: Is awaited with ``retry`` or ``cancel``, and the job's public id.
OnAction = Callable[[str, uuid.UUID], Awaitable[None]]


class JobsTable(Element, component="jobs_table.js"):
    """Shows jobs.

    Args:
        label: what they are, for a screen reader.
        act: does what a button of a row asks for; None: rows have none.
    """

    def __init__(self, label: str, act: OnAction | None = None):
        super().__init__()
        self._rows: list[dict[str, Any]] = []
        self._props.update(rows=[], label=label, steers=act is not None)

        async def asked(event: GenericEventArguments) -> None:
            if act is not None:
                await act(event.args["action"], uuid.UUID(event.args["id"]))

        self.on("act", asked)

    @property
    def rows(self) -> list[dict[str, Any]]:
        """As they are shown."""
        return self._rows

    @property
    def explains(self) -> bool:
        """Whether it shows why jobs wait."""
        return any(row["status"] in _WAITING for row in self._rows)

    def show(self, jobs: Iterable[Job], progress: Mapping[uuid.UUID, Progress]) -> None:
        """Show these jobs in the place of what was shown.

        Args:
            jobs: in order.
            progress: of those that report any, by ``Job.id``.
        """
        by_id: dict[str, dict[str, Any]] = {}
        for job in jobs:  # one that changes its lane is met twice for a moment, the run that stands for it first
            by_id.setdefault(str(job.public_id), row_of(job, progress.get(job.id)))
        rows = [*by_id.values()]
        if rows != self._rows:
            self._rows = rows
            self._props["rows"] = rows  # NiceGUI takes a copy

    def patch(self, jobs: Iterable[Job], progress: Mapping[uuid.UUID, Progress]) -> bool:
        """Show how far jobs are by now.

        Args:
            jobs: that have changed.
            progress: of those that report any, by ``Job.id``.

        Returns:
            Whether that is all; False: one is not shown, or in another state or lane, and the list is to be read anew.
        """
        shown = {row["id"]: row for row in self._rows}
        complete, changed = True, False
        for job in jobs:
            row = shown.get(str(job.public_id))
            if row is None or (row["status"], row["priority"]) != (job.status, job.priority):
                complete = False
            elif row["progress"] != (now := percent(job, progress.get(job.id))):
                row["progress"], changed = now, True
        if changed:
            self._props["rows"] = self._rows
        return complete


def percent(job: Job, progress: Progress | None) -> float | None:
    """How far a job is, 0 to 100 (pure).

    Args:
        job: the job.
        progress: that it reports, if any.

    Returns:
        The percentage; None where it has not begun, or ended before it came to report any.
    """
    if job.status is JobStatus.COMPLETED:
        return 100.0
    if progress is None:
        return 0.0 if job.status is JobStatus.RUNNING else None
    return round(100 * min(1.0, max(0.0, progress.fraction)), 1)


def row_of(job: Job, progress: Progress | None) -> dict[str, Any]:
    """A job as a row of the table (pure)."""
    return {
        "id": str(job.public_id),
        "type": job.type,
        "icon": type_icon(job.type),
        "name": job.name,
        "about": job.name.removeprefix(job.type).strip(),  # the type stands above it
        "status": str(job.status),
        "statusIcon": STATUS_ICONS[job.status],
        "reason": job.waiting_reason or (job.message if job.status is JobStatus.FAILED else None),
        "progress": percent(job, progress),
        "priority": job.priority,
        "category": job.pool,
        "created": _text(job.created),
        "started": _text(job.started),
        "completed": _text(job.ended) if job.status in FINAL else None,
        "actions": list(_ACTIONS.get(job.status, ())),
    }


def _text(time: datetime | None) -> str | None:
    return None if time is None else time.isoformat()
