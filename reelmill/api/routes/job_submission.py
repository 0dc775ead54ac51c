"""Jobs are handed in: one, a video to be re-encoded, or many at once."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, Header, Response
from pydantic import Field
from pydantic.alias_generators import to_camel

from reelmill.api.access.caller import Caller, requires
from reelmill.api.access.roles import Permission
from reelmill.api.errors import InvalidRequest, about_field, documented
from reelmill.api.naming import ApiModel
from reelmill.api.routes.job_requests import NewJob, NewJobs, NewReencode
from reelmill.api.routes.job_views import percent
from reelmill.api.services import Services, Site
from reelmill.catalogue.engine import session
from reelmill.catalogue.videos.video_parameters import resolve_parameters, video_parameters
from reelmill.dispatch import Actor, SubmitOptions
from reelmill.dispatch.intake import SubmittedJob
from reelmill.errors import UnknownName, UserError, WrongParameter
from reelmill.queue.job import JobStatus

router: Final = APIRouter(prefix="/api/media/jobs", tags=["jobs"])

#: Who may hand jobs in.
Creator = Annotated[Caller, Depends(requires(Permission.CREATE_JOBS))]


def _own_key(
    caller: Creator,
    key: Annotated[
        str | None,
        Header(
            alias="Idempotency-Key",
            min_length=1,
            max_length=200,
            description="sent again under the same key, work that never folds, such as a load test or what `force` is "
            "given for, is the job that it was",
        ),
    ] = None,
) -> str | None:
    """The key under which a request is handed in; those of two callers are never the same."""
    return None if key is None else f"{caller.name}:{key}"


#: Who may hand jobs in, and under which key.
OwnKey = Annotated[str | None, Depends(_own_key)]

#: Of the wrong ones among many jobs, so many are named.
_NAMED: Final = 10

_TAKEN: Final[dict[int | str, dict[str, Any]]] = {200: {"description": "The same work is under way: that job"}}


class CreatedJob(ApiModel):
    """A job that was taken."""

    id: uuid.UUID
    type: str = Field(examples=["reencode"])
    status: JobStatus
    progress: float = Field(description="percent, 0 to 100")
    created_at: datetime | None


class BulkJob(CreatedJob):
    """One of many jobs that were taken."""

    duplicate: bool = Field(description="the same work was under way: this is that job")


class BulkJobs(ApiModel):
    """The jobs that were taken, in the order in which they were sent."""

    data: list[BulkJob]


@router.post(
    "",
    status_code=201,
    summary="Hand a job in",
    responses={200: {**_TAKEN[200], "model": CreatedJob}, **documented(422)},
)
def create_job(services: Site, caller: Creator, key: OwnKey, job: NewJob, response: Response) -> CreatedJob:
    """A new job, or the one under way that does the same work, unless `force` is given."""
    return _create(services, caller, _Order(job, "", "params.", key), response)


@router.post(
    "/reencode",
    status_code=201,
    summary="Re-encode a video for the web",
    responses={200: {**_TAKEN[200], "model": CreatedJob}, **documented(422)},
)
def create_reencode(
    services: Site, caller: Creator, key: OwnKey, reencode: NewReencode, response: Response
) -> CreatedJob:
    """A job of the type `reencode`."""
    return _create(services, caller, _Order(reencode.job(), "", "", key), response)


@router.post("/bulk", status_code=201, summary="Hand many jobs in", responses=documented(422))
def create_jobs(services: Site, caller: Creator, key: OwnKey, jobs: NewJobs) -> BulkJobs:
    """All of the jobs are taken, or none where one is wrong; wrong ones are named by their place, `jobs[3]`.

    Where a server goes away on the way, send the same again: what was taken is then found as a duplicate, and work that
    never folds by its `Idempotency-Key`.

    Returns:
        The jobs.
    """
    orders = [
        _Order(job, f"jobs[{place}].", "params.", None if key is None else f"{key}:{place}")
        for place, job in enumerate(jobs.jobs)
    ]
    taken = _submit(services, caller, orders)
    return BulkJobs(data=[BulkJob(**_fields(each), duplicate=not each.is_new) for each in taken])


@dataclass(frozen=True)
class _Order:
    """A job as it was sent, and where its fields stand in the request."""

    job: NewJob
    place: str  # ``jobs[3].``, or nothing
    params: str  # ``params.``, or nothing
    key: str | None  # under which it is handed in once

    def refused(self, error: UserError, parameters: Mapping[str, Any]) -> InvalidRequest:
        """A refusal of one of its parameters, by the name under which that was sent."""
        name = error.name if isinstance(error, UnknownName) else getattr(error, "parameter", "")
        sent = dict(zip(parameters, self.job.params, strict=False))
        field = self.params.rstrip(".") if not name else self.params + sent.get(name, to_camel(name))
        return InvalidRequest(str(error), self.place + field)


def _create(services: Services, caller: Caller, order: _Order, response: Response) -> CreatedJob:
    (taken,) = _submit(services, caller, [order])
    if not taken.is_new:
        response.status_code = 200
    return CreatedJob(**_fields(taken))


def _submit(services: Services, caller: Caller, orders: Sequence[_Order]) -> list[SubmittedJob]:
    """Hand jobs in, those that are alike but for their parameters together.

    Args:
        services: of the site.
        caller: who hands them in.
        orders: the jobs.

    Returns:
        What each came to.
    """
    checked: dict[int, Mapping[str, Any]] = {}
    wrong: list[InvalidRequest] = []
    alike = _alike(orders)
    for places in alike:
        try:
            checked |= _checked(services, {place: orders[place] for place in places}, wrong)
        except InvalidRequest as error:
            wrong.append(error)
    _require_none(wrong)
    by = Actor(caller.name, origin="api")
    taken: dict[int, SubmittedJob] = {}
    for places in alike:
        first, options = orders[places[0]].job, orders[places[0]].job.options()
        parameters = [checked[place] for place in places]
        options["keys"] = [key for place in places if (key := orders[place].key) is not None]
        found = services.dispatcher.intake.submit(first.type, parameters, by, **options)
        taken |= dict(zip(places, found, strict=True))
    return [taken[place] for place in range(len(orders))]


def _alike(orders: Sequence[_Order]) -> list[list[int]]:
    """The places of jobs of the same type and options (pure)."""
    found: dict[tuple[str, str], list[int]] = {}
    for place, order in enumerate(orders):
        options = order.job.model_dump_json(exclude={"params", "type"})
        found.setdefault((order.job.type, options), []).append(place)
    return [*found.values()]


def _checked(
    services: Services, orders: Mapping[int, _Order], wrong: list[InvalidRequest]
) -> dict[int, Mapping[str, Any]]:
    """The parameters of jobs that are alike, with ids for the names of videos.

    Args:
        services: of the site.
        orders: the jobs by their place.
        wrong: what is wrong with some of them is added.

    Returns:
        The parameters of those that are right, by their place.

    Raises:
        InvalidRequest: their type or an option of theirs cannot be.
    """
    first = next(iter(orders.values()))
    options = _options(first)
    schema = _schema(services, first)
    given = {place: order.job.parameters() for place, order in orders.items()}
    refusals = services.dispatcher.intake.refusals(first.job.type, [*given.values()], **options)
    found: dict[int, Mapping[str, Any]] = {}
    for (place, parameters), refusal in zip(given.items(), refusals, strict=True):
        if refusal is not None:
            wrong.append(orders[place].refused(refusal, parameters))
            continue
        try:
            found[place] = _with_videos(schema, parameters)
        except UserError as error:
            wrong.append(orders[place].refused(error, parameters))
    return found


def _options(order: _Order) -> SubmitOptions:
    try:
        return order.job.options()
    except InvalidRequest as error:
        raise InvalidRequest(str(error), f"{order.place}{error.field}") from error


def _schema(services: Services, order: _Order) -> Mapping[str, Any]:
    with about_field(f"{order.place}type"):
        schema = services.dispatcher.jobs.schema(order.job.type)
    if order.job.resource_category is None:
        return schema
    with about_field(f"{order.place}resourceCategory"):
        return services.dispatcher.jobs.schema(order.job.type, order.job.resource_category)


def _with_videos(schema: Mapping[str, Any], parameters: Mapping[str, Any]) -> Mapping[str, Any]:
    """Ids in the place of the names of videos, so that the same work is one job however its video is called."""
    found = parameters
    for name in sorted(video_parameters(schema) & parameters.keys()):
        try:
            with session() as opened:
                found = {**found, **resolve_parameters(opened, schema, {name: parameters[name]})}
        except UserError as error:
            raise WrongParameter(str(error), name) from error
    return found


def _require_none(wrong: Sequence[InvalidRequest]) -> None:
    """Refuse a request of which something is wrong; the field is that of the first.

    Args:
        wrong: what is.

    Raises:
        InvalidRequest: all of it together.
    """
    if len(wrong) == 1:
        raise wrong[0]
    if wrong:
        named = " ".join(f"{error.field}: {error}" for error in wrong[:_NAMED])
        more = f" And {len(wrong) - _NAMED} more are wrong." if len(wrong) > _NAMED else ""
        raise InvalidRequest(f"Nothing was handed in. {named}{more}", wrong[0].field)


def _fields(taken: SubmittedJob) -> dict[str, Any]:
    job = taken.job
    return {
        "id": job.public_id,
        "type": job.type,
        "status": job.status,
        "progress": percent(job, None),
        "created_at": job.created,
    }
