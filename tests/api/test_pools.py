"""Pools over HTTP: how full they are, drained and opened again."""

from __future__ import annotations

import pytest
from fastapi.testclient import TestClient

from reelmill.api.access.roles import Role
from reelmill.api.services import Services
from reelmill.queue.job import LANES
from tests.api.callers import login

POOLS = "/api/media/pools"


def test_pools_have_their_lanes_and_what_waits_in_each(api: TestClient) -> None:
    jobs = [{"type": "compile_quad", "priority": priority} for priority in (1, 1, 10)]
    assert api.post("/api/media/jobs/bulk", json={"jobs": jobs}).status_code == 201
    cpu, encode = api.get(POOLS).json()["data"]
    assert {name: cpu[name] for name in ("name", "limit", "active", "paused", "waiting")} == {
        "name": "cpu", "limit": None, "active": 0, "paused": False, "waiting": 3
    }  # fmt: skip
    assert [lane["name"] for lane in cpu["lanes"]] == list(LANES)
    assert [lane["waiting"] for lane in cpu["lanes"]] == [2, *[0] * 8, 1]
    assert cpu["lanes"][0] == {"name": "live-high", "priority": 1, "paused": False, "waiting": 2}
    assert (encode["name"], encode["waiting"]) == ("gpu_encode", 0)


def test_a_pool_is_drained_and_opened_again_and_who_did_it_is_kept(api: TestClient, services: Services) -> None:
    assert not any(pool["paused"] for pool in api.get(POOLS).json()["data"])
    drained = api.post(f"{POOLS}/gpu_encode/drain", json={"reason": "a new driver"})
    assert (drained.status_code, drained.json()["name"], drained.json()["paused"]) == (200, "gpu_encode", True)
    assert [pool["paused"] for pool in api.get(POOLS).json()["data"]] == [False, True], "at once, for whoever asks next"
    opened = api.post(f"{POOLS}/gpu_encode/undrain")
    assert (opened.status_code, opened.json()["paused"]) == (200, False)
    entries = services.dispatcher.audit.entries(page=1, size=10).entries
    assert [(entry.action, entry.actor, entry.origin, entry.reason) for entry in entries] == [
        ("pool.undrain", "test-super_admin", "api", None),
        ("pool.drain", "test-super_admin", "api", "a new driver"),
    ]


@pytest.mark.parametrize("name", ["nobody", "cpu%3Fforce=1", "%12"])
@pytest.mark.parametrize("action", ["drain", "undrain"])
def test_an_unknown_pool_is_404(api: TestClient, name: str, action: str) -> None:
    response = api.post(f"{POOLS}/{name}/{action}")
    assert (response.status_code, response.json()["error"]["code"]) == (404, "UnknownName")


@pytest.mark.parametrize("role", [Role.AUTOMATION, Role.VIEWER])
def test_pools_are_for_those_who_steer_the_site(api: TestClient, role: Role) -> None:
    for headers, status in ((login(role), 403), ({"Authorization": ""}, 401)):
        assert api.get(POOLS, headers=headers).status_code == status
        assert api.post(f"{POOLS}/cpu/drain", headers=headers).status_code == status
