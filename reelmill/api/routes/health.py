"""Whether the API lives, and whether the site is ready for work: for monitors, which have no token."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from typing import Final

from fastapi import APIRouter, Request, Response
from sqlalchemy import text

from reelmill.api.naming import ApiModel
from reelmill.api.services import Services, Site
from reelmill.catalogue.engine import brief_session
from reelmill.dispatch import NodeStatus
from reelmill.errors import ReelmillError

router = APIRouter(tags=["site"])

_SECONDS: Final = 1.0  # that a look at the site counts, however many ask


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
def readyz(request: Request, services: Site, response: Response) -> Readiness:
    """Whether the database and the Prefect server respond, and a worker is online."""
    missing = _look_of(request).missing(services)
    response.status_code = 503 if missing else 200
    return Readiness(ready=not missing, missing=missing)


class _Look:
    """What is missing; one look serves all who ask within a second, so that those without a token cost no more."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._looked: tuple[float, list[str]] | None = None  # when, and what was missing

    def missing(self, services: Services) -> list[str]:
        with self._lock:
            if self._looked is None or time.monotonic() - self._looked[0] > _SECONDS:
                missing = list(_missing(services))
                self._looked = (time.monotonic(), missing)
            return self._looked[1]


def _look_of(request: Request) -> _Look:
    """The one of this process, for the services that it has."""
    state = request.app.state
    services, look = getattr(state, "look", (None, None))
    if services is not state.services:
        look = _Look()
        state.look = (state.services, look)
    assert isinstance(look, _Look)
    return look


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
