"""Who did what: to a job, and on the whole site."""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import Annotated, Any, Final

from fastapi import APIRouter, Query
from pydantic import Field

from reelmill.api.errors import documented
from reelmill.api.naming import ApiModel, outside
from reelmill.api.pagination import LARGEST, LAST, Pagination
from reelmill.api.routes.jobs import Admin, JobId
from reelmill.api.services import Site
from reelmill.api.texts import Time
from reelmill.catalogue.audit import AuditPage
from reelmill.errors import UnknownName

router: Final = APIRouter(prefix="/api/media/jobs", tags=["jobs"])
site_router: Final = APIRouter(prefix="/api/media/audit", tags=["site"])

Page = Annotated[int, Query(ge=1, le=LAST)]
Limit = Annotated[int, Query(ge=1, le=LARGEST)]


class AuditItem(ApiModel):
    """What somebody did."""

    at: datetime
    job_id: uuid.UUID | None = Field(description="the job that it was done to; null: it was done to the site")
    actor: str = Field(examples=["alice@nas"])
    origin: str = Field(description="through what: api, cli, python, web or worker")
    action: str = Field(examples=["cancel"])
    reason: str | None
    details: dict[str, Any]


class AuditTrail(ApiModel):
    """What was done, the last first."""

    data: list[AuditItem]
    pagination: Pagination


@router.get("/{id}/audit", summary="Who did what to a job", responses=documented(404, 422))
def read_audit(
    services: Site,
    _caller: Admin,
    job_id: JobId,
    page: Page = 1,
    limit: Limit = 50,
) -> AuditTrail:
    """Everything that somebody did to a job, over all the lanes it was moved through, also once it was cleared away."""
    try:
        ids, gone = services.dispatcher.reader.run_ids(job_id), None
    except UnknownName as error:
        ids, gone = [job_id], error
    found = services.dispatcher.audit.entries(ids, page=page, size=limit)
    if gone is not None and found.total == 0:
        raise gone
    return _trail(found, limit)


@site_router.get("", summary="Who did what on the site", responses=documented(422))
def read_site_audit(
    services: Site,
    _caller: Admin,
    since: Annotated[Time | None, Query(description="only what was done then and later")] = None,
    page: Page = 1,
    limit: Limit = 50,
) -> AuditTrail:
    """Everything that somebody did to jobs, pools, lanes, nodes, batches, rules and tokens."""
    return _trail(services.dispatcher.audit.entries(since=since, page=page, size=limit), limit)


def _trail(found: AuditPage, limit: int) -> AuditTrail:
    items = [
        AuditItem(
            at=entry.at,
            job_id=entry.job_id,
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
