"""Many jobs are steered at once: counted first, and touched only where that is meant."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from fastapi import APIRouter

from reelmill.api.errors import Conflict, about_field, documented
from reelmill.api.routes.bulk_requests import ManyJobs, ManyJobsResult, result_of
from reelmill.api.routes.jobs import Admin
from reelmill.api.routes.reasons import actor_of
from reelmill.api.services import Site
from reelmill.dispatch import Actor, BulkAction, BulkPreview, BulkResult, JobFilter
from reelmill.dispatch.services.bulk import Bulk
from reelmill.queue.bulk_action import CHANGES

router: Final = APIRouter(prefix="/api/media/jobs", tags=["jobs"])

_NOTHING: Final = BulkResult(0, 0, ())


@router.post("/actions", summary="Steer many jobs", responses=documented(409, 422))
def steer_jobs(services: Site, caller: Admin, request: ManyJobs) -> ManyJobsResult:
    """Count the jobs that a filter chooses and, with `dryRun` false, do to them what can be done in their status.

    Send it without `dryRun` first: nothing is touched, and `wouldChange` is how many would be. Send it again with
    `dryRun` false, and that number as `confirm`, and no more jobs than these are touched.

    Returns:
        The counts, and what was done.
    """
    lane, chosen, bulk = request.new_lane(), request.filter.job_filter(), services.dispatcher.bulk
    with about_field("filter"):
        preview = bulk.preview(chosen, request.bulk_action)
    if request.dry_run:
        return result_of(request, preview, _NOTHING)
    _require_confirmed(request, preview)
    steerable = _steerable(chosen, preview)
    result = _steer(bulk, steerable, preview.action, lane, actor_of(caller, request)) if steerable else _NOTHING
    return result_of(request, preview, result)


def _require_confirmed(request: ManyJobs, preview: BulkPreview) -> None:
    if request.confirm is not None and preview.would_change > request.confirm:
        raise Conflict(
            f"{preview.would_change} jobs would be changed by now, more than the {request.confirm} that are confirmed; "
            "nothing was done."
        )


def _steerable(chosen: JobFilter, preview: BulkPreview) -> JobFilter | None:
    """Those of the jobs whose status allows the action; None where there is none (pure)."""
    statuses = tuple(status for status in preview.by_status if status in CHANGES[preview.action])
    return replace(chosen, statuses=statuses) if statuses else None


def _steer(bulk: Bulk, chosen: JobFilter, action: BulkAction, lane: str | None, by: Actor) -> BulkResult:
    if lane is not None:
        return bulk.prioritise(chosen, lane, by)
    if action is BulkAction.CANCEL:
        return BulkResult(bulk.cancel(chosen, by), 0, ())
    steer = {BulkAction.RETRY: bulk.retry, BulkAction.PAUSE: bulk.pause, BulkAction.RESUME: bulk.resume}[action]
    return steer(chosen, by)
