"""What browsers may ask of a server that asks nobody for a login: it serves this node's programs and its own pages.

CSRF tokens and CORS keep a foreign page from changing and reading what goes over HTTP. They do not hold for web
sockets, nor for a page whose name is pointed at this node after it was loaded (DNS rebinding), which then counts as
our own. A browser sends with each request the name it is for (Host) and the page that sends it (Origin), and no page
can change that.
"""

from __future__ import annotations

from collections.abc import Collection
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send


class OriginGuard:
    """Serves the pages of some origins, requested by their hosts' names, and programs, which name no origin.

    Args:
        app: what is guarded.
        origins: of the pages that are let in.
    """

    def __init__(self, app: ASGIApp, origins: Collection[str]):
        self._app, self._origins = app, frozenset(origins)
        self._hosts = {urlsplit(origin).hostname for origin in origins}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See ASGI."""
        if scope["type"] not in ("http", "websocket") or self._welcome(Headers(scope=scope)):
            await self._app(scope, receive, send)
        elif scope["type"] == "websocket":
            await send({"type": "websocket.close"})  # before it is accepted: 403
        else:
            await PlainTextResponse("Pages of other origins are not served.", 403)(scope, receive, send)

    def _welcome(self, headers: Headers) -> bool:
        host, origin = urlsplit(f"//{headers.get('host', '')}").hostname, headers.get("origin")
        return host in self._hosts and (origin is None or origin in self._origins)


def own_origins(host: str, port: int) -> list[str]:
    """The origins of the pages that a server serves itself.

    Args:
        host: that it listens on.
        port: at which it listens.

    Returns:
        Of that host, and of ``localhost`` where that is its name, too.
    """
    hosts = {host, "localhost"} if host == "127.0.0.1" else {host}
    return [f"http://{each}:{port}" for each in sorted(hosts)]
