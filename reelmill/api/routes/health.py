"""Whether the API lives, and whether the site is ready for work: for monitors, which have no token."""

from __future__ import annotations

from collections.abc import Iterator

from fastapi import APIRouter, Response
from sqlalchemy import text

from reelmill.api.naming import ApiModel
from reelmill.api.services import Services, Site
from reelmill.catalogue.engine import brief_session
from reelmill.dispatch import NodeStatus
from reelmill.errors import ReelmillError

router = APIRouter(tags=["site"])


class Health(ApiModel):
    """This process lives."""

    healthy: bool = True


class Readiness(ApiModel):
    """Whether jobs that are handed in are done."""

    ready: bool
    missing: list[str]  # of database, prefect server, worker


@router.get("/healthz")
async def healthz() -> Health:
    """Whether this process serves requests; it asks nobody else."""
    return Health()


@router.get("/readyz", responses={503: {"model": Readiness, "description": "Something is missing"}})
def readyz(services: Site, response: Response) -> Readiness:
    """Whether the database and the Prefect server respond, and a worker is online."""
    missing = list(_missing(services))
    response.status_code = 503 if missing else 200
    return Readiness(ready=not missing, missing=missing)


def _missing(services: Services) -> Iterator[str]:
    try:
        with brief_session() as opened:
            opened.connection().execute(text("SELECT 1"))
    except ReelmillError:  # the sentence may name hosts and accounts, and anybody may ask here
        yield "database"
    try:
        if not services.dispatcher.health.responds():
            yield "prefect server"
        elif all(node.status is NodeStatus.OFFLINE for node in services.dispatcher.snapshot.now().nodes):
            yield "worker"
    except ReelmillError:  # between the two questions
        yield "prefect server"
