"""Serves a worker's metrics on a port of its own, from a thread beside its jobs."""

from __future__ import annotations

import errno
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from prometheus_client import CollectorRegistry, start_http_server

from reelmill.metrics.node_collector import NodeCollector, NodeSource
from reelmill.settings import Settings

#: Where a node that serves nobody but itself listens.
_LOOPBACK = "127.0.0.1"

_HIGHEST_PORT = 65_535


def port_of(settings: Settings, pool: str, pools: Sequence[str]) -> int | None:
    """The port of a worker's metrics.

    Args:
        settings: of its node.
        pool: that it serves.
        pools: all of them, in their order.

    Returns:
        ``metrics_port`` for the first pool's worker, the next port for the second's, and so on; None where none is
        served, or the pool is none of ours.
    """
    if settings.metrics_port is None or pool not in pools:
        return None
    return settings.metrics_port + list(pools).index(pool)


@contextmanager
def served(source: NodeSource, settings: Settings, port: int) -> Iterator[int]:
    """Serve a node's metrics inside the block, on loopback or on the address that the node listens at.

    Args:
        source: the node.
        settings: of the node.
        port: 0: any that is free.

    Yields:
        The port.

    Raises:
        OSError: the port is taken, or there is none of that number.
    """
    if port > _HIGHEST_PORT:
        raise OSError(errno.EADDRNOTAVAIL, f"the highest port is {_HIGHEST_PORT}")
    registry = CollectorRegistry()
    registry.register(NodeCollector(source))
    server, thread = start_http_server(port, settings.listen or _LOOPBACK, registry)
    try:
        yield server.server_port
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
