"""The application of this node's site, and what guards it where nobody has to log in."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI
from starlette.types import ASGIApp

from reelmill.api.access.login import site_access
from reelmill.api.app import bare_app
from reelmill.api.services import open_services
from reelmill.catalogue.engine import serve_many
from reelmill.origin_guard import OriginGuard, own_origins
from reelmill.settings import get_settings


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    """One dispatcher for the life of the process; closed in the task that opened it, as Prefect's settings must be."""
    serve_many()
    with open_services(site_access(get_settings())) as services:
        app.state.services = services
        yield


def site_app() -> FastAPI:
    """The application of this node's site, which is opened as the process starts."""
    return bare_app(_lifespan)


def guarded(app: ASGIApp) -> ASGIApp:
    """What is served to whom: where login is off, programs of this node and its own pages.

    Args:
        app: the application, its pages included.

    Returns:
        The same, or a guard before it that lets in nothing that a browser sends for others.
    """
    settings = get_settings()
    if settings.login == "on":
        return app
    return OriginGuard(app, own_origins(settings.listen or "127.0.0.1", settings.api_port))


def application() -> ASGIApp:
    """The REST API by itself, guarded: ``uvicorn --factory reelmill.api.asgi:application``."""
    return guarded(site_app())
