"""What people do to one job: asked where it cannot be undone, done as whoever looks, with a line of what came of it."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from reelmill.api.access.roles import Permission
from reelmill.pages.components.dialogue import confirmed
from reelmill.pages.view import View
from reelmill.queue.bulk_action import CHANGES, BulkAction
from reelmill.queue.job import JobStatus


@dataclass(frozen=True)
class JobAction:
    """Something that is done to a job."""

    label: str
    icon: str  # of Material Icons
    done: str  # the line for when it is done
    statuses: frozenset[JobStatus]  # in which it is offered


#: By the name of the operation of ``dispatcher.jobs``.
ACTIONS: Final[Mapping[str, JobAction]] = {
    "retry": JobAction("Retry", "replay", "The job waits in its lane again.", frozenset({JobStatus.FAILED})),
    "pause": JobAction("Pause", "pause", "The job is paused.", CHANGES[BulkAction.PAUSE]),
    "resume": JobAction("Resume", "play_arrow", "The job goes on.", CHANGES[BulkAction.RESUME]),
    "cancel": JobAction(
        "Cancel",
        "cancel",
        "The job is cancelled.",
        frozenset({JobStatus.PENDING, JobStatus.QUEUED, JobStatus.RUNNING}),
    ),
}


async def act_on_job(view: View, action: str, job_id: uuid.UUID) -> bool:
    """Do something to a job, and show what came of it.

    Args:
        view: of the page that asks for it.
        action: a name of ``ACTIONS``; a browser may send anything.
        job_id: of the job.

    Returns:
        Whether it was done.
    """
    if action not in ACTIONS:
        return False
    if action == "cancel" and not await confirmed(
        "Cancel this job?",
        yes="Cancel the job",
        consequence="What it has finished is kept for when the same is asked for again.",
        danger=True,
    ):
        return False
    act = getattr(view.services.dispatcher.jobs, action)
    return await view.act(Permission.MANAGE_JOBS, ACTIONS[action].done, lambda by: act(job_id, by))


async def prioritise(view: View, job_id: uuid.UUID, priority: int) -> bool:
    """Move a waiting job to another lane.

    Args:
        view: of the page that asks for it.
        job_id: of the job.
        priority: 1 (first) to 10.

    Returns:
        Whether it was done.
    """
    jobs = view.services.dispatcher.jobs
    return await view.act(
        Permission.MANAGE_JOBS,
        f"The job waits with priority {priority}.",
        lambda by: jobs.prioritise(job_id, priority, by=by),
    )
