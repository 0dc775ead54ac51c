"""The REST API as a process of the site: which program it is, and its start beside that of others."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from typing import Final

from deployments.ports import free_ports, is_free, is_healthy
from deployments.processes import Child
from reelmill.errors import SiteError
from reelmill.settings import Settings

_START_SECONDS: Final = 300  # a busy node imports Prefect for a while

#: How long requests that are under way may yet take when it ends; an event stream has no end of its own.
_GRACE_SECONDS: Final = 3

#: Starts a process: its arguments and environment.
Starter = Callable[[list[str], Mapping[str, str]], Child]


class RestApi:
    """The process of the REST API, and where it listens.

    Args:
        settings: of this node.
        host: that it listens on.
        start: starts the process.
    """

    def __init__(self, settings: Settings, host: str, start: Starter):
        self._settings, self._host, self._start = settings, host, start
        self._ports: Iterator[int] = free_ports(host, settings.api_port)
        self._child, self._port = self._start_at_next_port()

    @property
    def url(self) -> str:
        """Where it is reached."""
        return f"http://{self._host}:{self._port}"

    def await_health(self) -> None:
        """Wait until it serves; where another program was quicker to take the port, at the next one.

        Raises:
            SiteError: it does not come up.
        """
        deadline = time.monotonic() + _START_SECONDS
        # What is well there may be another site's, which came up at the same moment.
        while not (is_healthy(f"{self.url}/healthz") and self._child.listens(self._port)):
            if self._child.ended and not is_free(self._host, self._port):
                self._child, self._port = self._start_at_next_port()
            self._child.check()
            if time.monotonic() > deadline:
                raise SiteError(f"The REST API did not come up within {_START_SECONDS} s; its log: {self._child.log}")
            time.sleep(0.1)

    def _start_at_next_port(self) -> tuple[Child, int]:
        port = next(self._ports, None)
        if port is None:
            first = self._settings.api_port
            raise SiteError(f"No port from {first} on is free for the REST API; set REELMILL_API_PORT.")
        return self._start(
            arguments(self._host, port, self._settings.api_proxy), environment(self._settings, port)
        ), port


def arguments(host: str, port: int, proxy: str | None) -> list[str]:
    """The module and arguments of the process (pure).

    Args:
        host: that it listens on.
        port: that it listens at.
        proxy: address of a proxy before it, which is believed for whom it speaks; of nobody else is that believed,
            since whoever is on this node could write any address.

    Returns:
        What Python is to run.
    """
    believed = ["--no-proxy-headers"] if proxy is None else ["--proxy-headers", "--forwarded-allow-ips", proxy]
    listening = ["--host", host, "--port", str(port), "--ws", "websockets-sansio"]
    ending = ["--timeout-graceful-shutdown", str(_GRACE_SECONDS)]
    return [
        "uvicorn",
        "--factory",
        "reelmill.pages.asgi:application",
        *listening,
        *ending,
        *believed,
        "--no-access-log",
    ]


def environment(settings: Settings, port: int) -> dict[str, str]:
    """What it needs beside the environment of every process of the site (pure).

    Args:
        settings: of this node.
        port: that it listens at, so that it knows its own pages.

    Returns:
        Environment variables.
    """
    return {
        "REELMILL_API_PORT": str(port),
        "REELMILL_LOGIN": settings.login,
        **({} if settings.listen is None else {"REELMILL_LISTEN": settings.listen}),
        # A question each client would ask first; the server is of this very installation.
        "PREFECT_CLIENT_SERVER_VERSION_CHECK_ENABLED": "false",
        # Whoever asks over HTTP hears at once that the Prefect server is away, and not after a minute.
        "PREFECT_CLIENT_MAX_RETRIES": "1",
    }
