"""The page that lists the routes, for people."""

from __future__ import annotations

from typing import Final

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse

from reelmill.api import reference

router: Final = APIRouter(include_in_schema=False)

#: Whatever the page may hold, nothing in it is run, and nothing is loaded from elsewhere.
_HEADERS: Final = {"Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'"}


@router.get("/docs", response_class=HTMLResponse)
def read_docs(request: Request) -> HTMLResponse:
    """The description of the routes as a page."""
    return HTMLResponse(reference.page(request.app.openapi()), headers=_HEADERS)
