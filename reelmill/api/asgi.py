"""What uvicorn serves: ``uvicorn --factory reelmill.api.asgi:application``."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI

from reelmill.api.access.caller import Access, Caller, NotLoggedIn
from reelmill.api.app import bare_app
from reelmill.api.services import open_services


class ClosedAccess:
    """Nobody is known."""

    def caller(self, authorization: str | None, address: str) -> Caller:
        """See ``Access.caller``."""
        raise NotLoggedIn("This site knows no tokens yet.")


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    """One dispatcher for the life of the process; closed in the task that opened it, as Prefect's settings must be."""
    access: Access = ClosedAccess()
    with open_services(access) as services:
        app.state.services = services
        yield


def application() -> FastAPI:
    """The application of this node's site, which is opened as the process starts."""
    return bare_app(_lifespan)
