"""A site's API as the launcher meets it, on a real port, that fails when it is asked to."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from tests.api.live import live

#: Encoders of a node without a GPU.
SOFTWARE = ("libx264", "libx265", "libvpx", "libvpx-vp9", "libsvtav1")


def node(*pools: str, encoders: Sequence[str] = SOFTWARE, engines: Sequence[str] = ("ffmpeg",)) -> dict[str, Any]:
    """A node with a worker online in each of some pools."""
    workers = [{"name": f"n-{pool}", "pool": pool, "online": True} for pool in pools]
    return {"name": "n", "workers": workers, "hardware": {"encoders": list(encoders), "engines": list(engines)}}


class _CutOff(Response):
    """A response that never comes: the server has closed the connection."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = [(b"content-length", b"100"), (b"content-type", b"application/json")]
        await send({"type": "http.response.start", "status": 201, "headers": headers})
        await send({"type": "http.response.body", "body": b"{", "more_body": True})


class UnsteadySite:
    """Takes jobs, each key once, as the API does.

    ``behave`` has what each request to hand jobs in comes to, the first first: ``ok``, ``busy``, ``lost`` (the
    connection breaks once the jobs are taken), ``wrong``, or whatever is called; ``ok`` once they are used up.
    """

    def __init__(self) -> None:
        self.nodes = [node("gpu_encode", "cpu")]
        self.ready = True
        self.token: str | None = None
        self.behave: list[str | Callable[[], None]] = []
        self.taken: dict[str, list[dict[str, Any]]] = {}  # by key
        self.requests: list[str] = []  # their keys
        self.url = ""

    @property
    def jobs(self) -> list[dict[str, Any]]:
        """All that were taken, in their order."""
        return [job for jobs in self.taken.values() for job in jobs]

    def app(self) -> Starlette:
        """The application."""
        return Starlette(
            routes=[
                Route("/readyz", self._readyz),
                Route("/api/media/nodes", self._nodes),
                Route("/api/media/jobs/bulk", self._bulk, methods=["POST"]),
            ]
        )

    async def _readyz(self, _request: Request) -> Response:
        if self.ready:
            return JSONResponse({"ready": True, "missing": []})
        return JSONResponse({"ready": False, "missing": ["database"]}, 503)

    async def _nodes(self, request: Request) -> Response:
        return self._refused(request) or JSONResponse({"data": self.nodes})

    def _refused(self, request: Request) -> Response | None:
        if self.token is None or request.headers.get("Authorization") == f"Bearer {self.token}":
            return None
        return JSONResponse({"error": {"code": "NotLoggedIn", "message": "Nobody whom we know."}}, 401)

    async def _bulk(self, request: Request) -> Response:
        if (refused := self._refused(request)) is not None:
            return refused
        key = request.headers["Idempotency-Key"]
        self.requests.append(key)
        mood = self.behave.pop(0) if self.behave else "ok"
        if mood == "busy":
            return JSONResponse({}, 503, {"Retry-After": "0"})
        if mood == "wrong":
            return JSONResponse({"error": {"code": "InvalidRequest", "message": "There is no such type."}}, 422)
        if callable(mood):
            mood()
        sent = (await request.json())["jobs"]
        jobs = self.taken.setdefault(key, [job | {"id": str(uuid.uuid4()), "status": "pending"} for job in sent])
        return _CutOff() if mood == "lost" else JSONResponse({"data": jobs}, 201)


@contextmanager
def unsteady_site() -> Iterator[UnsteadySite]:
    """The site, served until the end."""
    site = UnsteadySite()
    with live(site.app()) as site.url:
        yield site
