"""Our errors as HTTP answers: one shape for all, a code that programs compare, a sentence that people read."""

from __future__ import annotations

from typing import Any, Final

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse

from reelmill.api.access.caller import NotAllowed, NotLoggedIn, TooManyAttempts
from reelmill.errors import NameTaken, PlatformError, ReelmillError, UnknownName, UnknownVideo, UserError, WrongStatus

#: The first that fits counts.
_STATUS: Final[tuple[tuple[type[ReelmillError], int], ...]] = (
    (NotLoggedIn, 401),
    (NotAllowed, 403),
    (TooManyAttempts, 429),
    (WrongStatus, 409),
    (NameTaken, 409),
    (UnknownVideo, 404),
    (UnknownName, 404),
    (UserError, 422),
    (PlatformError, 503),
)


def install(app: FastAPI) -> None:
    """Have an application answer our errors."""
    app.add_exception_handler(ReelmillError, _response)


async def _response(_request: Request, error: Exception) -> JSONResponse:
    status = next((code for kind, code in _STATUS if isinstance(error, kind)), 500)
    headers = {"WWW-Authenticate": "Bearer"} if status == 401 else {}
    if isinstance(error, TooManyAttempts):
        headers["Retry-After"] = str(max(1, round(error.seconds)))
    return JSONResponse(error_body(type(error).__name__, str(error)), status, headers)


def error_body(code: str, message: str, field: str | None = None) -> dict[str, Any]:
    """The body of every answer that is no success.

    Args:
        code: what programs compare, such as ``WrongStatus``.
        message: one sentence for a person.
        field: that is wrong, as the request calls it.

    Returns:
        ``{"error": {"code", "message", "field"}}``; ``field`` only where there is one.
    """
    return {"error": {"code": code, "message": message, **({} if field is None else {"field": field})}}
