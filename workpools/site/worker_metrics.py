"""What a worker serves to Prometheus: its node, on a port of its own, where the settings name one."""

from __future__ import annotations

import logging
from collections.abc import Sized
from typing import Any

import anyio

from reelmill.metrics.node_collector import NodeSource
from reelmill.metrics.worker_server import port_of, served
from reelmill.settings import Settings
from workpools.pools import pools


async def serve_metrics(settings: Settings, pool: str, attempts: Sized, logger: logging.Logger | Any) -> None:
    """Serve the metrics of a worker until it ends; one that cannot does its jobs all the same, and its log has why.

    Args:
        settings: of its node.
        pool: that it serves.
        attempts: the jobs that it has in hand.
        logger: the worker's.
    """
    port = port_of(settings, pool, [one.name for one in pools()])
    if port is None:
        return
    source = NodeSource(settings.node_name, settings.media_root, lambda: len(attempts))
    try:
        with served(source, settings, port):
            await anyio.sleep_forever()
    except OSError as error:
        reason = f"no metrics are served on port {port}: {error.strerror}"
        logger.warning("%s; set REELMILL_METRICS_PORT to another, and start the site again", reason)
