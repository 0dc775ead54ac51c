"""Our errors as HTTP answers: one shape for all, a code that programs compare, a sentence that people read."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Final

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic.alias_generators import to_camel
from sqlalchemy.exc import OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from starlette.exceptions import HTTPException

from reelmill.api.access.caller import NotAllowed, NotLoggedIn, TooManyAttempts
from reelmill.api.naming import ApiModel
from reelmill.errors import (
    AlreadyThere,
    AmbiguousVideo,
    Contention,
    FileMissing,
    InputError,
    NameTaken,
    PlatformError,
    ReelmillError,
    ResourceError,
    UnknownName,
    UnknownVideo,
    UserError,
    WrongParameter,
    WrongStatus,
)


class NotMade(UserError):
    """What a job would make of a video, such as its thumbnail, was not made yet."""


class Conflict(UserError):
    """The present state of something forbids what is asked."""


#: The first that fits counts.
_STATUS: Final[tuple[tuple[type[ReelmillError], int], ...]] = (
    (NotLoggedIn, 401),
    (NotAllowed, 403),
    (TooManyAttempts, 429),
    (Conflict, 409),
    (Contention, 409),
    (AlreadyThere, 409),
    (WrongStatus, 409),
    (NameTaken, 409),
    (AmbiguousVideo, 409),
    (UnknownVideo, 404),
    (UnknownName, 404),
    (NotMade, 404),
    (FileMissing, 404),
    (UserError, 422),
    (InputError, 422),
    (ResourceError, 503),
    (PlatformError, 503),
)

_MEANINGS: Final = {
    401: "Nobody whom the site knows: there is no token, or it is over or revoked",
    403: "The role of the token does not allow it",
    404: "There is none of that name or id",
    409: "The present state forbids it",
    413: "The body is too large",
    422: "The request is wrong; the field is named",
    429: "Too many failed logins from this address; `Retry-After` says how many seconds to wait",
    503: "A server of the site does not respond; the same request may work in a while",
}


#: The code of an error about a body that is too large.
TOO_LARGE: Final = "TooLarge"


class ErrorDetail(ApiModel):
    """What went wrong."""

    code: str  # what programs compare, such as WrongStatus
    message: str  # one sentence for a person
    field: str | None = None  # that is wrong, as the request calls it
    candidates: tuple[str, ...] | None = None  # paths of videos that may be meant, the nearest first


class ErrorBody(ApiModel):
    """The body of whatever is no success."""

    error: ErrorDetail


class InvalidRequest(UserError):
    """A request that cannot be meant so.

    Carries ``field``, the one that is wrong, as the request calls it.
    """

    def __init__(self, message: str, field: str | None = None):
        super().__init__(message, field)
        self.field = field


@contextmanager
def about_field(field: str) -> Iterator[None]:
    """What is raised within is the fault of one field of the request, even where a name in it is unknown.

    Args:
        field: as the request calls it.

    Yields:
        Nothing.

    Raises:
        InvalidRequest: in the place of any error of the caller's.
    """
    try:
        yield
    except InvalidRequest:
        raise
    except UserError as error:
        raise InvalidRequest(str(error), field) from error


@contextmanager
def about_state() -> Iterator[None]:
    """What is refused within is refused for the state that something is in, such as one that changes this very moment.

    Yields:
        Nothing.

    Raises:
        UserError: of a kind of its own.
        Conflict: in the place of one that is of none.
    """
    try:
        yield
    except UserError as error:
        if type(error) is not UserError:
            raise
        raise Conflict(str(error)) from error


def install(app: FastAPI) -> None:
    """Have an application answer errors in the one shape."""
    app.add_exception_handler(ReelmillError, _ours)
    app.add_exception_handler(OperationalError, _database)
    app.add_exception_handler(PoolTimeout, _database)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _routing)
    app.add_exception_handler(Exception, _fault)


def documented(*codes: int) -> dict[int | str, dict[str, Any]]:
    """What is no success, as the page of a route describes it.

    Args:
        codes: of HTTP.

    Returns:
        The ``responses`` of a route.
    """
    return {code: {"model": ErrorBody, "description": _MEANINGS[code]} for code in codes}


def error_body(
    code: str, message: str, field: str | None = None, candidates: Sequence[str] | None = None
) -> dict[str, Any]:
    """The body of every answer that is no success.

    Args:
        code: what programs compare, such as ``WrongStatus``.
        message: one sentence for a person.
        field: that is wrong, as the request calls it.
        candidates: what else may be meant in its place.

    Returns:
        ``{"error": {"code", "message", "field", "candidates"}}``; the last two only where there are such.
    """
    further = {"field": field, "candidates": None if candidates is None else list(candidates)}
    return {"error": {"code": code, "message": message, **{k: v for k, v in further.items() if v is not None}}}


async def _ours(_request: Request, error: Exception) -> JSONResponse:
    return error_response(error)


def error_response(error: Exception) -> JSONResponse:
    """The response to a request that one of our errors has ended.

    Args:
        error: a ``ReelmillError``.

    Returns:
        The response, with the headers that belong to its code.
    """
    status = next((code for kind, code in _STATUS if isinstance(error, kind)), 500)
    headers = {"WWW-Authenticate": "Bearer"} if status == 401 else {}
    if isinstance(error, TooManyAttempts):
        headers["Retry-After"] = str(max(1, round(error.seconds)))
    return JSONResponse(
        error_body(type(error).__name__, str(error), _field_of(error), _candidates(error)), status, headers
    )


def _field_of(error: Exception) -> str | None:
    """The wrong field, as the request calls it; a route that takes ``params`` names those itself."""
    match error:
        case InvalidRequest():
            return error.field
        case WrongParameter():
            return to_camel(error.parameter) or None
    return None


def _candidates(error: Exception) -> Sequence[str] | None:
    match error:
        case AmbiguousVideo():
            return error.candidates
        case UnknownVideo():
            return error.nearest
    return None


async def _database(_request: Request, _error: Exception) -> JSONResponse:
    """What the driver has to offer may name hosts and accounts; the log of the site has it."""
    return JSONResponse(error_body(PlatformError.__name__, "The site's database does not respond."), 503)


async def _invalid(_request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)
    wrong = [(_field(each), str(each["msg"]).removeprefix("Value error, ")) for each in error.errors()]
    sentences = [f"{field}: {message}" if field else message for field, message in wrong[:3]]
    more = f"; and {len(wrong) - 3} more" if len(wrong) > 3 else ""
    field = next((field for field, _ in wrong if field), None)
    return JSONResponse(error_body(InvalidRequest.__name__, "; ".join(sentences) + more + ".", field), 422)


def _field(wrong: Mapping[str, Any]) -> str | None:
    """The field of one of pydantic's errors: ``params.videoId`` or ``jobs[2].type``; None: the whole body."""
    places: Sequence[str | int] = wrong["loc"][1:] if wrong["type"] != "json_invalid" else ()
    field = ""
    for place in places:
        field += f"[{place}]" if isinstance(place, int) else f".{place}"
    return field.removeprefix(".") or None


async def _routing(request: Request, error: Exception) -> JSONResponse:
    """No such path, or not by this method."""
    assert isinstance(error, HTTPException)
    asked = f"{request.method} {request.url.path}"
    if error.status_code == 404:
        body = error_body("NotFound", f"There is no {asked}; /docs lists what there is.")
    elif error.status_code == 405:
        body = error_body("MethodNotAllowed", f"There is no {asked}; /docs lists what this path takes.")
    elif error.status_code == 413:
        body = error_body(TOO_LARGE, f"{error.detail}")
    else:
        body = error_body("BadRequest", f"{error.detail}")
    return JSONResponse(body, error.status_code, error.headers)


async def _fault(_request: Request, _error: Exception) -> JSONResponse:
    """A fault of ours; whoever serves the application logs its traceback."""
    return JSONResponse(error_body("InternalError", "The API itself is at fault; its log says more."), 500)
