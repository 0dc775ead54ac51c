"""Who did what to a job."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Final

from fastapi import APIRouter, Query
from pydantic import Field

from reelmill.api.errors import documented
from reelmill.api.naming import ApiModel, outside
from reelmill.api.pagination import LARGEST, LAST, Pagination
from reelmill.api.routes.jobs import Admin, JobId
from reelmill.api.services import Site

router: Final = APIRouter(prefix="/api/media/jobs", tags=["jobs"])


class AuditItem(ApiModel):
    """What somebody did."""

    at: datetime
    actor: str = Field(examples=["alice@nas"])
    origin: str = Field(description="through what: api, cli, python or worker")
    action: str = Field(examples=["cancel"])
    reason: str | None
    details: dict[str, Any]


class AuditTrail(ApiModel):
    """What was done to a job, the last first."""

    data: list[AuditItem]
    pagination: Pagination


@router.get("/{id}/audit", summary="Who did what to a job", responses=documented(404, 422))
def read_audit(
    services: Site,
    _caller: Admin,
    job_id: JobId,
    page: Annotated[int, Query(ge=1, le=LAST)] = 1,
    limit: Annotated[int, Query(ge=1, le=LARGEST)] = 50,
) -> AuditTrail:
    """Everything that somebody did to a job, over all the lanes it was moved through."""
    public_id = services.dispatcher.reader.read(job_id).job.public_id
    found = services.dispatcher.audit.entries(public_id, page=page, size=limit)
    items = [
        AuditItem(
            at=entry.at,
            actor=entry.actor,
            origin=entry.origin,
            action=entry.action,
            reason=entry.reason,
            details=outside(entry.details),
        )
        for entry in found.entries
    ]
    where = Pagination(page=found.page, limit=limit, total=found.total, total_pages=found.pages)
    return AuditTrail(data=items, pagination=where)
