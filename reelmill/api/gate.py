"""Before any route, and before a body is read: who calls is known, and what is sent is not too large."""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

from anyio import to_thread
from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from reelmill.api.access.caller import caller_of
from reelmill.api.errors import TOO_LARGE, error_body, error_response
from reelmill.errors import ReelmillError

#: Bytes of a body; a thousand jobs with all their parameters are a tenth of it.
LARGEST: Final = 8 * 1024 * 1024

_SENTENCE: Final = f"A body has at most {LARGEST // 1024 // 1024} MB; send less at once."


class Gate:
    """ASGI middleware: whoever has no token has nothing read or parsed of what they send.

    Args:
        app: the application.
        open_paths: that everybody may ask for.
    """

    def __init__(self, app: ASGIApp, open_paths: Collection[str]):
        self._app, self._open_paths = app, frozenset(open_paths)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        refused = await self._refusal(Request(scope))
        if refused is not None:
            await refused(scope, receive, send)
            return
        await self._app(scope, _limited(receive), send)

    async def _refusal(self, request: Request) -> JSONResponse | None:
        if request.url.path not in self._open_paths:
            try:
                request.state.caller = await to_thread.run_sync(caller_of, request)
            except ReelmillError as error:
                return error_response(error)
        length = Headers(scope=request.scope).get("content-length", "")
        if length.isdecimal() and int(length[:20]) > LARGEST:
            return JSONResponse(error_body(TOO_LARGE, _SENTENCE), 413)
        return None


def _limited(receive: Receive) -> Receive:
    """The same body; one whose length nobody has named is refused where it becomes too large."""
    size = 0

    async def received() -> Message:
        nonlocal size
        message = await receive()
        size += len(message.get("body", b""))
        if size > LARGEST:
            raise HTTPException(413, _SENTENCE)
        return message

    return received
