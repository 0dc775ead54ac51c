from __future__ import annotations

from datetime import UTC, datetime

import pytest
from fastapi.testclient import TestClient

from reelmill.api.access.roles import Role
from reelmill.api.routes.nodes import node_view
from reelmill.api.services import Services
from reelmill.dispatch import Node, WorkerState
from reelmill.dispatch.services.nodes import Nodes, nodes_of
from reelmill.queue.worker_facts import VirtualGpu, WorkerFacts
from tests.api.callers import login

_NOW = datetime(2026, 1, 1, tzinfo=UTC)


def _facts(pool: str) -> WorkerFacts:
    return WorkerFacts(
        worker=f"vm-{pool}",
        node="vm",
        pool=pool,
        max_jobs=2,
        active_jobs=1,
        vram=[VirtualGpu("vram-vm-gpu0", "gpu0", 24_000)],
        hardware={
            "cores": 8,
            "gpus": [{"name": "RTX", "total_mb": 24_576, "uuid": "GPU-1"}],
            "versions": {"nvidia_driver": "550"},
        },
        load={"load_per_core": 0.5, "gpus": [{"uuid": "GPU-1", "used_mb": 4000, "gpu_percent": 30}]},
    )


@pytest.fixture
def node() -> Node:
    online = WorkerState("vm-gpu_encode", "gpu_encode", True, _NOW, _facts("gpu_encode"))
    (node,) = nodes_of([WorkerState("vm-cpu", "cpu", False, None, None), online])
    return node


def test_a_node_shows_what_it_has_and_does(node: Node) -> None:
    shown = node_view(node, {"vram-vm-gpu0": 5000, "vram-other-gpu0": 1}).model_dump(mode="json")
    assert (shown["name"], shown["status"], shown["pools"]) == ("vm", "available", ["cpu", "gpu_encode"])
    assert (shown["activeJobs"], shown["maxJobs"], shown["lastHeartbeat"]) == (1, 2, "2026-01-01T00:00:00Z")
    assert shown["gpus"] == [{"device": "gpu0", "name": "RTX", "vramTotalMb": 24_000, "vramUsedMb": 5000}]
    assert shown["hardware"]["gpus"] == [{"name": "RTX", "totalMb": 24_576, "uuid": "GPU-1"}]
    assert shown["hardware"]["versions"] == {"nvidia_driver": "550"}, "keyed by programs, which bear their own names"
    assert shown["load"] == {"loadPerCore": 0.5, "gpus": [{"uuid": "GPU-1", "usedMb": 4000, "gpuPercent": 30}]}
    workers = {worker["name"]: (worker["online"], worker["activeJobs"]) for worker in shown["workers"]}
    assert workers == {"vm-cpu": (False, 0), "vm-gpu_encode": (True, 1)}


def test_a_budget_without_a_gpu_has_no_name() -> None:
    facts = WorkerFacts("a-cpu", "a", "cpu", vram=[VirtualGpu("vram-a", "virtual", 16_000)])
    (virtual,) = nodes_of([WorkerState("a-cpu", "cpu", True, _NOW, facts)])
    (gpu,) = node_view(virtual, {}).gpus
    assert (gpu.device, gpu.name, gpu.vram_total_mb, gpu.vram_used_mb) == ("virtual", None, 16_000, 0)


def test_nodes_are_listed_and_found_by_name(
    api: TestClient, services: Services, node: Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Nodes, "all", lambda _: [node])
    (listed,) = api.get("/api/media/nodes").json()["data"]
    assert api.get("/api/media/nodes/vm").json() == listed
    unknown = api.get("/api/media/nodes/nobody")
    assert unknown.status_code == 404
    assert unknown.json()["error"]["code"] == "UnknownName"


@pytest.mark.parametrize("role", [Role.AUTOMATION, Role.VIEWER])
def test_nodes_are_for_those_who_steer_the_site(api: TestClient, role: Role) -> None:
    for path in ("", "/vm"):
        assert api.get(f"/api/media/nodes{path}", headers=login(role)).status_code == 403
        assert api.get(f"/api/media/nodes{path}", headers={"Authorization": ""}).status_code == 401


@pytest.mark.parametrize("role", list(Role))
def test_every_caller_may_ask_who_they_are(api: TestClient, role: Role) -> None:
    shown = api.get("/api/media/session", headers=login(role)).json()
    assert shown == {"name": f"test-{role.lower()}", "role": role}
    unknown = api.get("/api/media/session", headers={"Authorization": "Bearer nobody"})
    assert unknown.status_code == 401
    assert unknown.headers["WWW-Authenticate"] == "Bearer"
