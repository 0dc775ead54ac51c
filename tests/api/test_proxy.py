"""The proxies that docs/RUNNING.md shows: their programs take them, and the API works behind one."""

from __future__ import annotations

import socket
import ssl
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

import httpx
import pytest
from starlette.applications import Starlette
from starlette.routing import WebSocketRoute
from starlette.websockets import WebSocket
from websockets.sync.client import connect

from reelmill.api.access.caller import Access, Caller
from reelmill.api.access.roles import Role
from reelmill.api.app import create_app
from reelmill.api.services import Services
from reelmill.dispatch.tables.job_reader import JobReader
from tests.api.callers import KnownCallers, login
from tests.api.documented_proxy import API, PREFECT, caddy_program, documented, nginx, nginx_program
from tests.api.live import live
from tests.metrics.prefect_database import beside_catalogue


class Addresses(KnownCallers):
    """Knows callers, and from where they came."""

    def __init__(self) -> None:
        self.seen: list[str] = []

    def caller(self, authorization: str | None, address: str) -> Caller:
        self.seen.append(address)
        return super().caller(authorization, address)


class Behind(NamedTuple):
    """What is behind the proxy."""

    proxy: int  # its port
    addresses: Addresses
    trust: ssl.SSLContext

    def client(self, name: str) -> httpx.Client:
        """A client of one of its names."""
        headers = {"Host": name, **login(Role.SUPER_ADMIN)}
        return httpx.Client(base_url=f"https://127.0.0.1:{self.proxy}", headers=headers, verify=self.trust)


async def _echo(socket_: WebSocket) -> None:
    """As a Prefect server speaks with its workers."""
    await socket_.accept()
    await socket_.send_text(f"heard {await socket_.receive_text()}")
    await socket_.close()


@pytest.fixture
def behind(services: Services, catalogue: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Behind]:
    """The API, and a server with web sockets in the place of Prefect's."""
    nginx_program()
    addresses: Access = Addresses()
    prefect = Starlette(routes=[WebSocketRoute("/api/events/out", _echo)])
    with (
        beside_catalogue(catalogue, monkeypatch),
        live(create_app(Services(services.dispatcher, addresses, services.settings))) as api,
        live(prefect) as server,
        nginx(tmp_path, _port(api), _port(server)) as port,
    ):
        services.dispatcher.reader = JobReader(dict)
        assert isinstance(addresses, Addresses)
        yield Behind(port, addresses, ssl.create_default_context(cafile=tmp_path / "ca.pem"))


def _port(url: str) -> int:
    port = urlsplit(url).port
    assert port is not None
    return port


def test_the_api_is_reached_over_tls_and_knows_from_where(behind: Behind) -> None:
    with behind.client(API) as client:
        session = client.get("/api/media/session", headers={"X-Forwarded-For": "203.0.113.7"})
    assert session.json()["role"] == Role.SUPER_ADMIN
    assert behind.addresses.seen == ["127.0.0.1"], "the proxy's word for it, not the client's own"


def test_events_come_as_they_happen(behind: Behind) -> None:
    with behind.client(API) as client, client.stream("GET", "/api/media/events", timeout=60) as stream:
        assert stream.headers["content-type"].startswith("text/event-stream")
        lines = stream.iter_lines()
        assert next(lines) == "retry: 2000"
        assert next(line for line in lines if line) == "event: lane"


def test_bodies_are_as_large_as_the_api_takes_them(behind: Behind) -> None:
    jobs = {"jobs": [{"type": "validate", "params": {"videoId": "a" * 7_000_000}}]}
    with behind.client(API) as client:
        response = client.post("/api/media/jobs/bulk", json=jobs, timeout=60)
        assert (response.status_code, response.json()["error"]["code"]) == (422, "InvalidRequest")
        too_large = client.post("/api/media/jobs/bulk", content=b" " * 9_000_000, timeout=60)
        assert too_large.status_code == 413


def test_web_sockets_go_through(behind: Behind) -> None:
    """Clients of the Prefect server have one; the certificate of the tests is for the address alone."""
    behind.trust.check_hostname = False
    with (
        socket.create_connection(("127.0.0.1", behind.proxy)) as opened,
        connect(f"wss://{PREFECT}/api/events/out", sock=opened, ssl=behind.trust, server_hostname=PREFECT) as client,
    ):
        client.send("a new job")
        assert client.recv(timeout=60) == "heard a new job"


def test_caddy_takes_its_example(tmp_path: Path) -> None:
    file = tmp_path / "Caddyfile"
    file.write_text(documented("The site's servers stay on loopback"))
    command = [caddy_program(), "validate", "--adapter", "caddyfile", "--config", str(file)]
    home = {"HOME": str(tmp_path), "XDG_DATA_HOME": str(tmp_path), "XDG_CONFIG_HOME": str(tmp_path)}
    done = subprocess.run(command, capture_output=True, text=True, env=home, check=False)
    assert done.returncode == 0, done.stderr
