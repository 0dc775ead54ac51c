"""The queues of a full worker, shown as ready in the Prefect UI.

Prefect calls a queue, and each deployment in it, not ready once nobody has polled it for a minute, and a full worker
does not poll. What it asks for instead is what was due before Prefect was: a poll that finds nothing, locks nothing,
and changes the state of no run.
"""

from __future__ import annotations

import time
from collections.abc import Collection
from datetime import UTC, datetime
from typing import Final

from prefect.client.orchestration import PrefectClient

#: Half of what the server waits for, since a worker comes by every few seconds only.
_SECONDS: Final = 30.0
_NOTHING_WAS_DUE: Final = datetime(1970, 1, 2, tzinfo=UTC)


class Readiness:
    """Keeps the queues of one worker ready.

    Args:
        client: of the server.
        pool: name of the worker's pool.
        queues: names of those that it serves; empty: all of the pool.
    """

    def __init__(self, client: PrefectClient, pool: str, queues: Collection[str] = ()):
        self._client, self._pool, self._queues = client, pool, queues
        self._shown = 0.0  # when last, by the monotonic clock

    async def show(self) -> None:
        """Have the server note that somebody serves the queues, unless it did so lately."""
        if time.monotonic() - self._shown < _SECONDS:
            return
        self._shown = time.monotonic()
        await self._client.get_scheduled_flow_runs_for_work_pool(
            self._pool, work_queue_names=list(self._queues), scheduled_before=_NOTHING_WAS_DUE
        )
