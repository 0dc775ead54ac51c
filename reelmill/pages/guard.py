"""Before any page: who looks is known, and no page of another origin gets in.

A browser sends the cookie of a site with whatever a page of the same host asks for, at whichever port that page is
served, and web sockets know no CORS. So what is more than looking at something is served to our own pages alone, by the
``Origin`` that no page can change.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final
from urllib.parse import urlencode, urlsplit

from anyio import to_thread
from starlette.datastructures import MutableHeaders
from starlette.requests import HTTPConnection
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from reelmill.api.access.caller import NotLoggedIn, TooManyAttempts
from reelmill.api.services import Services
from reelmill.errors import ReelmillError
from reelmill.pages.login import LOGIN_PATH, away_response, token_of
from reelmill.pages.viewer import Viewer, caller_by_token

#: Served to everybody: nothing of it is about this site.
_OPEN: Final = (LOGIN_PATH, "/assets/", "/_nicegui/", "/favicon.ico")

#: Reading, which changes nothing.
_SAFE: Final = ("GET", "HEAD")

#: What the sockets of pages are served at.
_SOCKETS: Final = "/_nicegui_ws/"

#: A page within a page of somebody else could have its buttons pressed unseen.
_HEADERS: Final = {
    "X-Frame-Options": "DENY",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
}


class PageGuard:
    """ASGI middleware before the pages.

    Args:
        app: the pages.
        services: of the site, once it is open.
    """

    def __init__(self, app: ASGIApp, services: Callable[[], Services]):
        self._app, self._services = app, services

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request or socket; see ASGI."""
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        connection = HTTPConnection(scope)
        if _changes(connection) and not of_own_page(connection):
            await _refuse(scope, receive, send, PlainTextResponse("Pages of other origins are not served.", 403))
            return
        refused = None if connection.url.path.startswith(_OPEN) else await self._refusal(connection)
        if refused is not None:
            await _refuse(scope, receive, send, refused)
            return
        await self._app(scope, receive, with_headers(send, _HEADERS.items()))

    async def _refusal(self, connection: HTTPConnection) -> Response | None:
        services, token = self._services(), token_of(connection)
        address = connection.client.host if connection.client is not None else ""
        try:
            caller = await to_thread.run_sync(caller_by_token, services, token, address)
        except (NotLoggedIn, TooManyAttempts):
            return RedirectResponse(login_address(connection), 303)
        except ReelmillError as error:
            return away_response(str(error))
        connection.state.viewer = Viewer(services, token, address, caller)
        return None


def login_address(connection: HTTPConnection) -> str:
    """Where somebody logs in who comes back to the same place then (pure)."""
    path, query = connection.url.path, connection.url.query
    return f"{LOGIN_PATH}?{urlencode({'next': f'{path}?{query}' if query else path})}"


def of_own_page(connection: HTTPConnection) -> bool:
    """Whether a page of ours sends this, or a program, which names no page (pure).

    Args:
        connection: a request, or a socket that is to open.

    Returns:
        Whether its ``Origin`` is the host that it is sent to. A name that is pointed at this node after its page was
        loaded has another cookie, and thus none of ours.
    """
    origin = connection.headers.get("origin")
    return origin is None or urlsplit(origin).netloc == connection.headers.get("host", "")


def with_headers(send: Send, headers: Iterable[tuple[str, str]]) -> Send:
    """The same responses with some more headers."""

    async def sent(message: Message) -> None:
        if message["type"] == "http.response.start":
            MutableHeaders(scope=message).update(dict(headers))
        await send(message)

    return sent


def _changes(connection: HTTPConnection) -> bool:
    """Whether more is asked than to be shown something."""
    opens_socket = connection.scope["type"] == "websocket" or connection.url.path.startswith(_SOCKETS)
    return opens_socket or connection.scope["method"] not in _SAFE


async def _refuse(scope: Scope, receive: Receive, send: Send, response: Response) -> None:
    if scope["type"] == "websocket":
        await send({"type": "websocket.close"})  # before it is accepted: 403
    else:
        await with_response(response)(scope, receive, send)


def with_response(response: Response) -> Response:
    """A response that no cache keeps: the next request may be let in."""
    response.headers["Cache-Control"] = "no-store"
    return response
