"""Ports of this node: which are free, and who is well behind one."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from typing import Final

import httpx

from reelmill.site_discovery import accepts_connections

_PORTS: Final = 100  # tried one after the other


def is_free(host: str, port: int) -> bool:
    """Whether a server may listen there."""
    with socket.socket() as probe:
        # As the server itself binds: a port that a moment ago was somebody's is free.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
        return True


def free_ports(host: str, first: int) -> Iterator[int]:
    """The ports that are free when they are asked for.

    Args:
        host: that a server is to listen on.
        first: the port to begin with.

    Yields:
        One after the other, of a hundred.
    """
    yield from (port for port in range(first, min(first + _PORTS, 65536)) if is_free(host, port))


def is_healthy(url: str) -> bool:
    """Whether a server responds well at a URL."""
    if not accepts_connections(url):  # costs next to nothing, and is asked some fifty times while a server starts
        return False
    try:
        return httpx.get(url, timeout=2).is_success
    except httpx.TransportError:
        return False
