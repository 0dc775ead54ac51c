"""Jobs are steered: sent back, cancelled, paused, resumed, moved to another lane."""

from __future__ import annotations

from typing import Annotated, Final

from fastapi import APIRouter
from pydantic import Field, Strict

from reelmill.api.errors import InvalidRequest, about_state, documented
from reelmill.api.routes.job_requests import Place
from reelmill.api.routes.job_views import JobPage
from reelmill.api.routes.jobs import Admin, JobId, page_of
from reelmill.api.routes.reasons import OptionalReason, Reason, actor_of
from reelmill.api.services import Site

router: Final = APIRouter(prefix="/api/media/jobs", tags=["jobs"], responses=documented(404, 409, 422))


class NewPlace(Place, Reason):
    """Another lane, or the front of the present one."""

    front: Annotated[bool, Strict()] = Field(default=False, description="to the front of its lane")


@router.post("/{id}/retry", summary="Send a failed or cancelled job back")
def retry_job(services: Site, caller: Admin, job_id: JobId, reason: OptionalReason = None) -> JobPage:
    """It waits in its lane at once, with its log and a fresh count of the retries that it makes by itself."""
    with about_state():
        services.dispatcher.jobs.retry(job_id, actor_of(caller, reason))
    return page_of(services, job_id)


@router.post("/{id}/cancel", summary="Cancel a job")
def cancel_job(services: Site, caller: Admin, job_id: JobId, reason: OptionalReason = None) -> JobPage:
    """At once where it waits; where it runs its worker stops it, and it is running until then."""
    with about_state():
        services.dispatcher.jobs.cancel(job_id, actor_of(caller, reason))
    return page_of(services, job_id)


@router.post("/{id}/pause", summary="Pause a job")
def pause_job(services: Site, caller: Admin, job_id: JobId, reason: OptionalReason = None) -> JobPage:
    """One that waits keeps its place; one that runs is stopped and later begun again, with what it had finished."""
    with about_state():
        services.dispatcher.jobs.pause(job_id, actor_of(caller, reason))
    return page_of(services, job_id)


@router.post("/{id}/resume", summary="Let a paused job go on")
def resume_job(services: Site, caller: Admin, job_id: JobId, reason: OptionalReason = None) -> JobPage:
    """It waits where it waited before."""
    with about_state():
        services.dispatcher.jobs.resume(job_id, actor_of(caller, reason))
    return page_of(services, job_id)


@router.post("/{id}/priority", summary="Move a waiting job")
def move_job(services: Site, caller: Admin, job_id: JobId, place: NewPlace) -> JobPage:
    """To another lane, by a priority or by a queue and its level; or to the front of the one it is in."""
    lane, jobs, by = place.lane(), services.dispatcher.jobs, actor_of(caller, place)
    if (lane is None) != place.front:
        raise InvalidRequest("Give a priority, or a queue with its level, or front.", "priority")
    with about_state():
        if lane is None:
            jobs.move_to_front(job_id, by)
        else:
            jobs.prioritise(job_id, place.priority, queue=place.queue, level=place.level, by=by)
    return page_of(services, job_id)
