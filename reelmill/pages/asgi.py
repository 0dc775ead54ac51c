"""What uvicorn serves: ``uvicorn --factory reelmill.pages.asgi:application``."""

from __future__ import annotations

from typing import Final

from starlette.datastructures import MutableHeaders
from starlette.requests import HTTPConnection
from starlette.types import ASGIApp, Receive, Scope, Send

from reelmill.api.app import OPEN_PATHS
from reelmill.api.asgi import guarded, site_app
from reelmill.pages.login import token_of
from reelmill.pages.mounting import pages_app

#: What programs ask for; all else is pages.
_API: Final = ("/api/", "/metrics", *OPEN_PATHS)

#: What a page shows of it as an image, plays, or offers as a file.
_SHOWN_IN_PAGES: Final = "/api/media/"


class Faces:
    """The REST API and the pages of one site, at one address.

    Args:
        api: the REST API.
        pages: the pages; their lifespan is that of both.
    """

    def __init__(self, api: ASGIApp, pages: ASGIApp):
        self._api, self._pages = api, pages

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See ASGI."""
        if scope["type"] == "http" and scope["path"].startswith(_API):
            await self._api(_with_token(scope), receive, send)
        else:
            await self._pages(scope, receive, send)


def _with_token(scope: Scope) -> Scope:
    """A request for what pages show, with the token of the cookie where it has none of its own.

    Only reading goes by a cookie, so that no page of another origin can have a browser change anything.

    Args:
        scope: of the request.

    Returns:
        The same, or one with the token.
    """
    connection = HTTPConnection(scope)
    token = token_of(connection)
    if (
        token is None
        or scope["method"] not in ("GET", "HEAD")
        or not scope["path"].startswith(_SHOWN_IN_PAGES)
        or "authorization" in connection.headers
    ):
        return scope
    changed = {**scope, "headers": [*scope["headers"]]}
    MutableHeaders(scope=changed)["Authorization"] = f"Bearer {token}"
    return changed


def application() -> ASGIApp:
    """The REST API and the pages of this node's site, which is opened as the process starts.

    Returns:
        The application.
    """
    api = site_app()
    return guarded(Faces(api, pages_app(api)))
