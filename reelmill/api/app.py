"""The application: its routes and errors, and its page at /docs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from fastapi import APIRouter, FastAPI, Security
from fastapi.security import HTTPBearer
from starlette.types import Lifespan

from reelmill.api import errors
from reelmill.api.errors import documented
from reelmill.api.gate import Gate
from reelmill.api.routes import (
    batches,
    bulk_actions,
    docs,
    events,
    health,
    job_actions,
    job_audit,
    job_statistics,
    job_submission,
    jobs,
    metrics,
    nodes,
    pools,
    session,
    settings,
    videos,
)
from reelmill.api.services import Services

#: Routes that ask who calls. The first that fits a path is taken, so fixed paths come before those with an id.
ROUTERS: Final[Sequence[APIRouter]] = (
    events.router,
    job_statistics.router,
    job_submission.router,
    bulk_actions.router,
    jobs.router,
    job_audit.router,
    job_audit.site_router,
    job_actions.router,
    batches.router,
    pools.router,
    nodes.router,
    session.router,
    settings.router,
    videos.router,
    metrics.router,
)

#: Routes for whoever watches the process or reads about it: they ask nobody who it is.
OPEN_ROUTERS: Final[Sequence[APIRouter]] = (health.router, docs.router)

#: What is served to everybody; nothing of it is about this site but whether it is well.
OPEN_PATHS: Final = ("/healthz", "/readyz", "/docs", "/openapi.json")

_DESCRIPTION: Final = """
The queue, the nodes and the library of a Reelmill site.

Names are camelCase and times are ISO 8601 in UTC. A request carries a token, `Authorization: Bearer …`;
`reelmill token create` makes one. Whatever is no success has one shape, `{"error": {"code", "message", "field"}}`:
a `code` for programs, a sentence for people, and the `field` that is wrong, where there is one.
"""

_TAGS: Final[list[dict[str, Any]]] = [
    {"name": "jobs", "description": "Hand jobs in, look at them, steer them."},
    {"name": "batches", "description": "The same job for every video that a filter chooses."},
    {"name": "pools", "description": "Work pools and their lanes."},
    {"name": "videos", "description": "The library: its videos, and what was made of them."},
    {"name": "nodes", "description": "The nodes of the site, and what they are doing."},
    {"name": "site", "description": "Whether the site is well; for monitors."},
]

#: Shows the login on the page at /docs; who it is, and whether they may, each route asks itself.
_BEARER: Final = HTTPBearer(auto_error=False, description="A token that `reelmill token create` has made.")


def bare_app(lifespan: Lifespan[FastAPI] | None = None) -> FastAPI:
    """The application without what it stands on.

    Args:
        lifespan: puts the services at ``app.state.services`` before the first request.

    Returns:
        The application.
    """
    app = FastAPI(
        title="Reelmill",
        summary="The background work of a video library",
        description=_DESCRIPTION,
        openapi_tags=_TAGS,
        lifespan=lifespan,
        docs_url=None,  # see ``reference``
        redoc_url=None,
    )
    errors.install(app)
    app.add_middleware(Gate, open_paths=OPEN_PATHS)
    metrics.install(app)
    for router in ROUTERS:
        app.include_router(router, dependencies=[Security(_BEARER)], responses=documented(401, 403, 413, 422, 429, 503))
    for router in OPEN_ROUTERS:
        app.include_router(router)
    return app


def create_app(services: Services) -> FastAPI:
    """The application on services that are open.

    Args:
        services: closed by whoever opened them, after the last request.

    Returns:
        The application.
    """
    app = bare_app()
    app.state.services = services
    return app
