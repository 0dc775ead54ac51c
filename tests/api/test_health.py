"""What a monitor without a token is shown."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from fastapi.testclient import TestClient
from prefect.client.orchestration import SyncPrefectClient
from prefect.settings import PREFECT_CLIENT_MAX_RETRIES, temporary_settings

from reelmill.api.app import create_app
from reelmill.api.routes import health
from reelmill.api.services import Services
from reelmill.dispatch import Dispatcher, Node, NodeStatus
from reelmill.dispatch.snapshot import SiteNow
from reelmill.settings import get_settings
from tests.api.callers import KnownCallers


@pytest.fixture
def closed_port() -> Iterator[int]:
    """A port that nobody answers at, for as long as the test takes."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        yield bound.getsockname()[1]


def _client(prefect: Dispatcher) -> TestClient:
    return TestClient(create_app(Services(prefect, KnownCallers(), get_settings())))


def test_a_process_that_serves_is_healthy_whatever_else_is_away(closed_port: int) -> None:
    with SyncPrefectClient(f"http://127.0.0.1:{closed_port}/api") as client:
        response = _client(Dispatcher(client)).get("/healthz")
    assert (response.status_code, response.json()) == (200, {"healthy": True})


@pytest.mark.parametrize(
    ("statuses", "missing"),
    [
        ([], ["worker"]),
        ([NodeStatus.OFFLINE, NodeStatus.OFFLINE], ["worker"]),
        ([NodeStatus.OFFLINE, NodeStatus.BUSY], []),
        ([NodeStatus.AVAILABLE], []),
    ],
)
def test_a_site_with_a_worker_online_is_ready(
    catalogue: str, services: Services, monkeypatch: pytest.MonkeyPatch, statuses: list[NodeStatus], missing: list[str]
) -> None:
    now = SiteNow((), tuple(_node(status) for status in statuses), (), {}, datetime.now(UTC))
    monkeypatch.setattr(services.dispatcher.snapshot, "now", lambda: now)
    response = _client(services.dispatcher).get("/readyz")
    assert response.json() == {"ready": not missing, "missing": missing}
    assert response.status_code == (503 if missing else 200)


def test_many_who_ask_at_once_cost_one_look(
    catalogue: str, services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks = []

    def responds() -> bool:
        looks.append(True)
        return True

    monkeypatch.setattr(services.dispatcher.health, "responds", responds)
    monkeypatch.setattr(health, "_SECONDS", 3600.0)
    client = _client(services.dispatcher)
    shown = [client.get("/readyz").json() for _ in range(3)]
    assert shown == [shown[0]] * 3
    assert len(looks) == 1


def _node(status: NodeStatus) -> Node:
    return Node("n", status, 1, 0, None, (), (), (), (), {}, {})


def test_what_is_away_is_named_and_nothing_else_of_it(closed_port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REELMILL_DATABASE_URL", f"postgresql://me:hunter2@127.0.0.1:{closed_port}/films")
    get_settings.cache_clear()
    with (
        temporary_settings({PREFECT_CLIENT_MAX_RETRIES: 0}),
        SyncPrefectClient(f"http://127.0.0.1:{closed_port}/api", auth_string="reelmill:hunter2") as client,
    ):
        response = _client(Dispatcher(client)).get("/readyz")
    assert response.status_code == 503
    assert response.json() == {"ready": False, "missing": ["database", "prefect server"]}
