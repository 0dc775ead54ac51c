"""Jobs are looked at: lists, one job, its log, who did what to it."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from typing import Annotated, Final

from fastapi import APIRouter, Depends, Path, Query
from fastapi.responses import StreamingResponse

from reelmill.api.access.caller import Caller, requires
from reelmill.api.access.roles import Permission
from reelmill.api.errors import about_field, documented
from reelmill.api.routes import job_views
from reelmill.api.routes.job_query import JobQuery
from reelmill.api.routes.job_views import JobPage, JobsPage, LogLineItem, LogLines
from reelmill.api.services import Services, Site
from reelmill.api.texts import Text
from reelmill.dispatch.tables.job_lines import LogPage
from reelmill.dispatch.tables.job_reader import JobReader

router: Final = APIRouter(prefix="/api/media/jobs", tags=["jobs"])

#: Of a job, as paths have it.
JobId = Annotated[uuid.UUID, Path(alias="id", description="of the job")]

#: Who may look at jobs and steer them.
Admin = Annotated[Caller, Depends(requires(Permission.MANAGE_JOBS))]

#: Lines of a log that are read for its end.
_LAST_LINES: Final = 500


@router.get("", summary="Jobs, the newest first", responses=documented(422))
def list_jobs(services: Site, _caller: Admin, query: Annotated[JobQuery, Query()]) -> JobsPage:
    """Jobs that are due, or were, a page at a time; filters narrow them down together."""
    with about_field("page" if query.before is None else "before"):
        found = services.dispatcher.reader.page(
            query.job_filter(), page=query.page, size=query.limit, before=query.before
        )
    return job_views.jobs_page(found, services.dispatcher.reader.progress([job.id for job in found.jobs]))


@router.get("/{id}", summary="One job", responses=documented(404, 422))
def read_job(services: Site, _caller: Admin, job_id: JobId) -> JobPage:
    """All there is to know of one job, with the end of its log."""
    return page_of(services, job_id)


@router.get("/{id}/log", summary="Lines of a job's log", responses=documented(404, 422))
def read_log(
    services: Site,
    _caller: Admin,
    job_id: JobId,
    after: Annotated[Text | None, Query(description="`cursor` of the reading before: what has come since")] = None,
    limit: Annotated[int, Query(ge=1, le=10_000)] = 1000,
) -> LogLines:
    """The log from its beginning, or going on from a cursor; each line comes once, also one that reaches us late."""
    services.dispatcher.reader.run_ids(job_id)  # 404, where `after` would be at fault else
    with about_field("after"):
        found = services.dispatcher.reader.log(job_id, after, limit)
    lines = [LogLineItem(time=line.time, level=line.level, text=line.text) for line in found.lines]
    return LogLines(lines=lines, cursor=found.cursor, complete=found.complete)


@router.get(
    "/{id}/log.txt",
    summary="A job's whole log",
    response_class=StreamingResponse,
    responses={200: {"content": {"text/plain": {"schema": {"type": "string"}}}}, **documented(404, 422)},
)
def download_log(services: Site, _caller: Admin, job_id: JobId) -> StreamingResponse:
    """All lines there are, however many, as text."""
    first = services.dispatcher.reader.log(job_id)  # here, since a response that has begun cannot become a 404
    headers = {"Content-Disposition": f'attachment; filename="{job_id}.log"'}
    return StreamingResponse(_text(services.dispatcher.reader, job_id, first), media_type="text/plain", headers=headers)


def page_of(services: Services, job_id: uuid.UUID) -> JobPage:
    """A job's page.

    Args:
        services: of the site.
        job_id: the job.

    Returns:
        The job as it is now.

    Raises:
        UnknownName: there is none of this id.
    """
    detail = services.dispatcher.reader.read(job_id)
    lines = services.dispatcher.reader.log_tail(job_id, _LAST_LINES).lines
    result = services.dispatcher.reader.result(job_id) if detail.job.over else None
    return job_views.job_page(detail, lines, result)


def _text(reader: JobReader, job_id: uuid.UUID, page: LogPage) -> Iterator[str]:
    while True:
        yield "".join(f"{job_views.log_line(line)}\n" for line in page.lines)
        if page.complete:
            return
        page = reader.log(job_id, page.cursor)
