"""Many jobs are steered over HTTP: counted first, and touched only where that is meant."""

from __future__ import annotations

import uuid
from typing import Any

import pytest
from fastapi.testclient import TestClient
from prefect.client.orchestration import SyncPrefectClient
from prefect.states import Completed, Failed, Running

from reelmill.api.access.roles import Role
from reelmill.api.services import Services
from tests.api.callers import login

JOBS = "/api/media/jobs"
ACTIONS = f"{JOBS}/actions"


@pytest.fixture
def jobs(api: TestClient) -> list[str]:
    """Six jobs of a type that never folds, the first created first."""
    response = api.post(f"{JOBS}/bulk", json={"jobs": [{"type": "compile_quad"}] * 6})
    assert response.status_code == 201, response.text
    return [job["id"] for job in response.json()["data"]]


def steer(api: TestClient, action: str, job_filter: dict[str, Any] | None = None, **more: Any) -> dict[str, Any]:
    response = api.post(ACTIONS, json={"action": action, "filter": job_filter or {}, **more})
    assert response.status_code == 200, response.text
    found: dict[str, Any] = response.json()
    return found


def statuses(api: TestClient, jobs: list[str]) -> list[str]:
    return [api.get(f"{JOBS}/{job}").json()["status"] for job in jobs]


def wrong(api: TestClient, status: int, **body: Any) -> dict[str, str]:
    response = api.post(ACTIONS, json={"action": "cancel", "filter": {}, **body})
    assert response.status_code == status, response.text
    found: dict[str, str] = response.json()["error"]
    return found


def test_unless_it_is_meant_jobs_are_only_counted(api: TestClient, worker: SyncPrefectClient, jobs: list[str]) -> None:
    worker.set_flow_run_state(uuid.UUID(jobs[0]), Completed(), force=True)
    before = statuses(api, jobs)
    assert steer(api, "cancel") == {
        "action": "cancel", "dryRun": True, "total": 6, "byStatus": {"pending": 5, "completed": 1}, "wouldChange": 5,
        "untouched": {"over": 1}, "done": 0, "refused": 0, "refusals": [],
    }  # fmt: skip
    assert statuses(api, jobs) == before


def test_what_was_done_is_counted_and_its_job_and_its_record_name_the_caller(
    api: TestClient, services: Services, jobs: list[str]
) -> None:
    found = steer(api, "cancel", {"status": ["pending"], "type": ["compile_quad"]}, dryRun=False, reason="a mistake")
    assert (found["done"], found["wouldChange"], found["refused"]) == (6, 6, 0)
    assert statuses(api, jobs) == ["cancelled"] * 6
    assert "cancelled by test-super_admin: a mistake" in api.get(f"{JOBS}/{jobs[3]}").json()["log"]
    whole = services.dispatcher.audit.entries(page=1, size=50).entries
    (entry,) = [entry for entry in whole if entry.action == "bulk.cancel"]
    assert (entry.actor, entry.origin, entry.reason, entry.details["done"]) == (
        "test-super_admin", "api", "a mistake", 6
    )  # fmt: skip


def test_jobs_are_paused_resumed_and_sent_back(api: TestClient, worker: SyncPrefectClient, jobs: list[str]) -> None:
    assert steer(api, "pause", dryRun=False)["done"] == 6
    assert statuses(api, jobs) == ["paused"] * 6
    assert steer(api, "resume", {"status": ["paused"]}, dryRun=False)["done"] == 6
    for job in jobs[:2]:
        worker.set_flow_run_state(uuid.UUID(job), Failed(), force=True)
    again = steer(api, "retry", dryRun=False)
    assert (again["done"], again["untouched"]) == (2, {"under way": 4})
    assert statuses(api, jobs) == ["pending"] * 6


def test_those_that_wait_move_to_another_lane_and_keep_their_ids(
    api: TestClient, worker: SyncPrefectClient, jobs: list[str]
) -> None:
    worker.set_flow_run_state(uuid.UUID(jobs[0]), Running(), force=True)
    moved = steer(api, "priority", {"type": ["compile_quad"]}, queue="batch", level="low", dryRun=False)
    assert (moved["done"], moved["untouched"]) == (5, {"running": 1})
    lanes = [api.get(f"{JOBS}/{job}").json()["lane"] for job in jobs]
    assert lanes == ["default-medium", *["batch-low"] * 5]


def test_no_more_jobs_are_touched_than_were_confirmed(api: TestClient, jobs: list[str]) -> None:
    counted = steer(api, "pause")["wouldChange"]
    assert wrong(api, 409, action="pause", dryRun=False, confirm=counted - 1)["code"] == "Conflict"
    assert statuses(api, jobs) == ["pending"] * 6
    assert steer(api, "pause", dryRun=False, confirm=counted)["done"] == 6


def test_where_there_is_nothing_to_do_nothing_is_done(api: TestClient, jobs: list[str]) -> None:
    found = steer(api, "resume", dryRun=False)
    assert (found["done"], found["untouched"]) == (0, {"not paused": 6})
    assert steer(api, "cancel", {"type": ["scan"]}, dryRun=False)["total"] == 0
    assert statuses(api, jobs) == ["pending"] * 6


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"action": "juggle"}, "action"),
        ({"filter": None}, "filter"),
        ({"filter": {"kind": "scan"}}, "filter.kind"),
        ({"filter": {"status": ["asleep"]}}, "filter.status[0]"),
        ({"action": "priority"}, "priority"),
        ({"action": "cancel", "priority": 1}, "priority"),
        ({"action": "priority", "priority": 1, "queue": "live"}, "priority"),
        ({"dryRun": "no"}, "dryRun"),
        ({"confirm": -1}, "confirm"),
    ],
)
def test_what_cannot_be_meant_is_422_with_its_field_and_touches_nothing(
    api: TestClient, jobs: list[str], body: dict[str, Any], field: str
) -> None:
    assert wrong(api, 422, **{"dryRun": False, **body})["field"] == field
    assert statuses(api, jobs) == ["pending"] * 6


@pytest.mark.parametrize("role", [Role.AUTOMATION, Role.VIEWER])
def test_many_jobs_are_steered_by_those_who_steer_one(api: TestClient, jobs: list[str], role: Role) -> None:
    body = {"action": "cancel", "filter": {}, "dryRun": False}
    assert api.post(ACTIONS, json=body, headers=login(role)).status_code == 403
    assert api.post(ACTIONS, json=body, headers={"Authorization": ""}).status_code == 401
    assert statuses(api, jobs) == ["pending"] * 6
