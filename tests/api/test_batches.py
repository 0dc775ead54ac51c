"""Batches over HTTP: how they are doing."""

from __future__ import annotations

import pytest
from fastapi.testclient import TestClient

from reelmill.api.access.roles import Role
from reelmill.api.services import Services
from reelmill.queue.actor import Actor
from tests.api.callers import login
from tests.api.library import add_video

BATCHES = "/api/media/batches"


@pytest.fixture
def batch(catalogue: str, services: Services) -> str:
    """The id of a batch of three videos, all handed in."""
    for number in range(3):
        add_video(f"{number}.mp4")
    made = services.dispatcher.batches.submit(
        "validate", "directory_type = inbox", {"depth": "quick"}, {}, Actor("alice@nas", origin="cli")
    )
    services.dispatcher.batches.feed()
    return made.id


def test_a_batch_shows_how_far_it_has_come(api: TestClient, batch: str) -> None:
    (listed,) = api.get(BATCHES).json()["data"]
    shown = api.get(f"{BATCHES}/{batch}").json()
    assert shown == listed
    expected: dict[str, object] = {
        "id": batch, "type": "validate", "params": {"depth": "quick"}, "state": "running", "reason": None, "matched": 3,
        "submitted": 3, "folded": 0, "refused": 0, "refusals": [], "toCome": 0, "secondsLeft": None,
        "createdBy": "alice@nas", "endedAt": None,
    }  # fmt: skip
    assert {name: shown[name] for name in expected} == expected
    assert shown["jobs"]["pending"] == 3
    assert "directory_type = inbox" in shown["filter"]
    jobs = api.get("/api/media/jobs", params={"batch": batch}).json()
    assert jobs["pagination"]["total"] == 3


def test_a_list_has_as_many_as_are_asked_for(api: TestClient, batch: str) -> None:
    assert api.get(BATCHES, params={"limit": 0}).json()["error"]["field"] == "limit"
    assert len(api.get(BATCHES, params={"limit": 1}).json()["data"]) == 1


def test_an_unknown_batch_is_404(api: TestClient, catalogue: str) -> None:
    response = api.get(f"{BATCHES}/nobody")
    assert (response.status_code, response.json()["error"]["code"]) == (404, "UnknownName")


@pytest.mark.parametrize("role", [Role.AUTOMATION, Role.VIEWER])
def test_batches_are_for_those_who_steer_the_site(api: TestClient, role: Role) -> None:
    for path in (BATCHES, f"{BATCHES}/kamoti"):
        assert api.get(path, headers=login(role)).status_code == 403
        assert api.get(path, headers={"Authorization": ""}).status_code == 401
