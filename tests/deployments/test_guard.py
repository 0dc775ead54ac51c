"""What a browser may ask a site without a login for, and what it may not."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator

import httpx
import pytest
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket

from reelmill.origin_guard import OriginGuard

_ORIGINS = ("http://127.0.0.1:4200", "http://localhost:4200")


async def _page(_request: Request) -> PlainTextResponse:
    return PlainTextResponse("served")


async def _socket(opened: WebSocket) -> None:
    await opened.accept()
    await opened.close()


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    """Where a guarded application listens."""
    app = Starlette(routes=[Route("/", _page, methods=["GET", "POST"]), WebSocketRoute("/socket", _socket)])
    server = uvicorn.Server(
        uvicorn.Config(OriginGuard(app, _ORIGINS), port=0, ws="websockets-sansio", log_level="warning")
    )
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        assert thread.is_alive()
        time.sleep(0.01)
    yield server.servers[0].sockets[0].getsockname()[1]
    server.should_exit = True
    thread.join()


@pytest.mark.parametrize(
    ("headers", "code"),
    [
        ({}, 200),
        ({"Origin": "http://127.0.0.1:4200"}, 200),
        ({"Host": "localhost:4200", "Origin": "http://localhost:4200"}, 200),
        ({"Origin": "http://evil.example"}, 403),
        ({"Origin": "http://127.0.0.1:8080"}, 403),
        ({"Origin": "null"}, 403),
        ({"Host": "evil.example:4200"}, 403),
        ({"Host": "evil.example:4200", "Origin": "http://127.0.0.1:4200"}, 403),
    ],
)
def test_programs_and_the_ui_are_served_and_no_other_page(port: int, headers: dict[str, str], code: int) -> None:
    for method in ("GET", "POST"):
        assert httpx.request(method, f"http://127.0.0.1:{port}/", headers=headers).status_code == code
    assert _opened(port, headers) == (101 if code == 200 else code)


def _opened(port: int, headers: dict[str, str]) -> int:
    """What a web socket's opening is answered with."""
    with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
        asked = {
            "Host": f"127.0.0.1:{port}",
            "Upgrade": "websocket",
            "Connection": "Upgrade",
            "Sec-WebSocket-Key": "AAAAAAAAAAAAAAAAAAAAAA==",
            "Sec-WebSocket-Version": "13",
            **headers,
        }
        lines = ["GET /socket HTTP/1.1", *(f"{name}: {value}" for name, value in asked.items()), "", ""]
        connection.sendall("\r\n".join(lines).encode())
        return int(connection.makefile("rb").readline().split()[1])
