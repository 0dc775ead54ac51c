from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from prefect.client.orchestration import SyncPrefectClient, get_client

from deployments.site import Site
from reelmill.dispatch import Dispatcher, dispatcher

_GONE = {"state": {"type": "CANCELLED"}, "force": True}
_UNDER_WAY = {"state": {"type": {"any_": ["SCHEDULED", "PENDING", "RUNNING", "CANCELLING", "PAUSED"]}}}


@pytest.fixture
def client(on_site: Site) -> Iterator[SyncPrefectClient]:
    """Prefect's own client, for what a worker or a person in Prefect's UI does."""
    with get_client(sync_client=True) as opened:
        yield opened


@pytest.fixture
def prefect(client: SyncPrefectClient) -> Iterator[Dispatcher]:
    """A dispatcher whose pools take nothing, so that jobs stay where they are put; nothing is left under way."""
    with dispatcher() as opened:
        pools = [pool.name for pool in opened.pools.all()]
        for pool in pools:
            opened.pools.drain(pool)
        try:
            yield opened
        finally:
            while _end_all(client):
                pass
            for pool in pools:
                opened.pools.undrain(pool)


def _end_all(client: SyncPrefectClient) -> bool:
    """Forced, because no process stands behind a run that a test has set running. A schedule's runs come again."""
    route: Any = "/flow_runs/bulk_set_state"
    return bool(client.request("POST", route, json={"flow_runs": _UNDER_WAY, **_GONE}).json()["results"])
