"""Calls through the server's absences, made with Prefect's own client against a server that answers as it is told."""

from __future__ import annotations

import asyncio
import errno
import logging
import socket
import threading
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import httpx
import pytest
from prefect.client.orchestration import PrefectClient, get_client
from prefect.exceptions import ObjectNotFound
from prefect.settings import (
    PREFECT_API_URL,
    PREFECT_CLIENT_CSRF_SUPPORT_ENABLED,
    PREFECT_CLIENT_MAX_RETRIES,
    PREFECT_CLIENT_SERVER_VERSION_CHECK_ENABLED,
    temporary_settings,
)

from workpools.server_calls import ServerCalls, absent, all_pages

LOGGER = logging.getLogger(__name__)


@contextmanager
def _server(ready: int, others: int) -> Iterator[list[str]]:
    """A server that gives one status for its readiness and one for all else; a list of what it was asked."""
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_response(ready if self.path == "/api/ready" else others)
            self.send_header("Content-Length", "2")
            self.send_header("Retry-After", "0")
            self.end_headers()
            self.wfile.write(b"{}")

        def log_message(self, format: str, *args: Any) -> None:
            """Nothing: the list says it."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        chosen = {
            PREFECT_API_URL: f"http://127.0.0.1:{server.server_port}/api",
            PREFECT_CLIENT_MAX_RETRIES: 0,
            PREFECT_CLIENT_CSRF_SUPPORT_ENABLED: False,
            PREFECT_CLIENT_SERVER_VERSION_CHECK_ENABLED: False,
        }
        try:
            with temporary_settings(chosen):
                yield asked
        finally:
            server.shutdown()
            thread.join()


def _call(what: Callable[[PrefectClient, ServerCalls], Awaitable[None]], **patience: float) -> None:
    async def run() -> None:
        async with get_client() as client:
            await what(client, ServerCalls(client, LOGGER, **patience))

    asyncio.run(run())


async def _hello(client: PrefectClient, calls: ServerCalls) -> None:
    await calls.until_answered(client.hello)


def test_a_fault_of_the_call_is_given_up_while_the_server_is_well() -> None:
    with _server(ready=200, others=500) as asked, pytest.raises(httpx.HTTPStatusError, match="500"):
        _call(_hello, give_up_after=0.5)
    assert asked.count("/api/hello") == 3


@pytest.mark.parametrize(("ready", "others"), [(503, 500), (200, 503)], ids=["no database", "overloaded"])
def test_an_absence_is_waited_out_and_said(ready: int, others: int, caplog: pytest.LogCaptureFixture) -> None:
    with _server(ready=ready, others=others) as asked:

        async def four_times(client: PrefectClient, calls: ServerCalls) -> None:
            asking = asyncio.ensure_future(calls.until_answered(client.hello))
            while asked.count("/api/hello") < 4:
                assert not asking.done(), "it gave up"
                await asyncio.sleep(0.05)
            asking.cancel()
            with suppress(asyncio.CancelledError):
                await asking

        _call(four_times, give_up_after=0.1, warn_after=0.1)
    said = [record for record in caplog.records if record.levelno == logging.WARNING and record.name == __name__]
    assert 1 <= len(said) <= 4, "once in a while"
    assert "the Prefect server has not answered a call for" in said[0].getMessage()


_REQUEST = httpx.Request("GET", "http://localhost/api")


def _status(code: int) -> httpx.HTTPStatusError:
    return httpx.HTTPStatusError(str(code), request=_REQUEST, response=httpx.Response(code))


class Troubled:
    """A call that raises each of its troubles in turn, and then answers with a word."""

    def __init__(self, *troubles: Exception):
        self.troubles = list(troubles)

    async def call(self) -> str:
        if self.troubles:
            raise self.troubles.pop(0)
        return "well"


@pytest.mark.parametrize(
    "trouble",
    [_status(500), _status(503), httpx.ConnectError("refused"), ConnectionResetError()],
    ids=["500", "503", "refused", "reset"],
)
def test_a_server_that_is_away_is_asked_again(trouble: Exception) -> None:
    troubled = Troubled(trouble)

    async def asked(_client: PrefectClient, calls: ServerCalls) -> None:
        assert await calls.until_answered(troubled.call) == "well"

    with _server(ready=200, others=200):
        _call(asked)
    assert troubled.troubles == []


@pytest.mark.parametrize(
    "answer",
    [_status(404), _status(409), _status(422), ObjectNotFound(_status(404)), ValueError("a bug of ours")],
    ids=["404", "409", "422", "deleted", "bug"],
)
def test_an_answer_is_an_answer_also_where_it_is_no(answer: Exception) -> None:
    async def asked(_client: PrefectClient, calls: ServerCalls) -> None:
        begun = time.monotonic()
        with pytest.raises(type(answer)) as raised:
            await calls.until_answered(Troubled(answer).call)
        assert raised.value is answer
        assert time.monotonic() - begun < 10

    with _server(ready=200, others=200):
        _call(asked)


@pytest.mark.parametrize("length", [0, 199, 200, 401])
def test_a_list_is_read_to_its_end(length: int) -> None:
    async def read(*, limit: int, offset: int) -> list[int]:
        return list(range(length))[offset : offset + limit]

    assert asyncio.run(all_pages(read)) == list(range(length))


def test_a_disk_of_this_machine_that_is_full_is_not_the_servers_absence() -> None:
    assert not absent(OSError(errno.ENOSPC, "No space left on device"))
    assert absent(ConnectionRefusedError(errno.ECONNREFUSED, "Connection refused"))
    assert absent(socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution"))
