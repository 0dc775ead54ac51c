"""The dispatcher: everything a face of Reelmill can ask of the queue."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import httpx
from prefect.client.orchestration import get_client

from reelmill.dispatch.health import Health
from reelmill.dispatch.nodes import Nodes
from reelmill.dispatch.pools import Pools
from reelmill.dispatch.ranking import Ranking
from reelmill.dispatch.statistics import Numbers
from reelmill.dispatch.submission import Submission
from reelmill.errors import PlatformError


class Dispatcher(Submission, Ranking, Pools, Numbers, Nodes, Health):
    """Jobs of the site whose Prefect server this process is pointed at."""


@contextmanager
def dispatcher() -> Iterator[Dispatcher]:
    """A dispatcher on the Prefect server in force (``PREFECT_API_URL`` or the active profile).

    Raises:
        PlatformError: it does not answer.
    """
    try:
        with get_client(sync_client=True) as client:
            yield Dispatcher(client)
    except httpx.TransportError as error:
        raise PlatformError("The Prefect server does not answer; is the site up? (`reelmill up`)") from error
