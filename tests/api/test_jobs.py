"""Jobs over HTTP: handed in, listed, looked at, steered."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime
from typing import Any

import pytest
from fastapi.testclient import TestClient
from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.actions import LogCreate
from prefect.states import Completed, Failed, Running

from reelmill.api.access.roles import Role
from reelmill.api.services import Services
from reelmill.dispatch import Actor
from reelmill.errors import PlatformError
from tests.api.callers import login
from tests.api.library import add_video

JOBS = "/api/media/jobs"


@pytest.fixture
def videos(catalogue: str) -> list[str]:
    """Ids of ten videos, ``0.mp4`` to ``9.mp4``."""
    return [str(add_video(f"{number}.mp4")) for number in range(10)]


def create(api: TestClient, video: str, **more: Any) -> str:
    response = api.post(JOBS, json={"type": "validate", "params": {"videoId": video}, **more})
    assert response.status_code == 201, response.text
    return str(response.json()["id"])


def error(response: Any, status: int) -> dict[str, str]:
    assert response.status_code == status, response.text
    found: dict[str, str] = response.json()["error"]
    return found


def _artifact(worker: SyncPrefectClient, job: uuid.UUID, kind: str, data: object) -> None:
    """As a run makes it; the client's own method emits an event, for which it starts a server."""
    body = {"type": kind, "data": data, "description": "", "flow_run_id": str(job)}
    worker.request("POST", "/artifacts/", json=body)


# --- handed in --------------------------------------------------------------------------------------------------------


def test_a_request_that_is_repeated_under_its_key_makes_no_second_job(api: TestClient) -> None:
    """As after a connection that broke: grids are other videos each time, so they do not fold by themselves."""
    body = {"jobs": [{"type": "compile_quad"}, {"type": "compile_quad", "priority": 2}, {"type": "compile_quad"}]}

    def ids(key: str) -> list[str]:
        response = api.post(f"{JOBS}/bulk", json=body, headers={"Idempotency-Key": key})
        assert response.status_code == 201, response.text
        return [job["id"] for job in response.json()["data"]]

    first = ids("one")
    assert len(set(first)) == 3
    assert ids("one") == first
    assert not set(ids("two")) & set(first)
    single = [
        api.post(JOBS, json={"type": "compile_quad"}, headers={"Idempotency-Key": "one", **login(role)}).json()["id"]
        for role in (Role.SUPER_ADMIN, Role.SUPER_ADMIN, Role.AUTOMATION)
    ]
    assert single[0] == single[1]
    assert single[2] != single[0], "the key of another caller is another"


def test_a_job_is_new_once_and_the_same_work_is_that_job(api: TestClient, videos: list[str]) -> None:
    body = {"type": "reencode_streaming", "params": {"videoId": videos[0], "targetBitrate": 900}}
    first, second = api.post(JOBS, json=body), api.post(JOBS, json=body)
    assert (first.status_code, second.status_code) == (201, 200)
    assert first.json().keys() == {"id", "type", "status", "progress", "createdAt"}
    assert (first.json()["type"], first.json()["status"], first.json()["progress"]) == ("reencode", "pending", 0)
    assert second.json()["id"] == first.json()["id"]
    forced = api.post(JOBS, json=body | {"force": True})
    assert (forced.status_code, forced.json()["id"] == first.json()["id"]) == (201, False)


def test_a_video_goes_by_any_of_its_names_and_the_job_has_its_id(api: TestClient, videos: list[str]) -> None:
    job = create(api, "3.mp4")
    assert api.get(f"{JOBS}/{job}").json()["params"] == {"videoId": videos[3]}
    again = api.post(JOBS, json={"type": "validate", "params": {"video_id": "inbox/3.mp4"}})
    assert (again.status_code, again.json()["id"]) == (200, job)


def test_options_place_the_job(api: TestClient, videos: list[str]) -> None:
    options = {"resourceCategory": "cpu", "queue": "live", "level": "high", "vramRequired": 7, "maxRetries": 9}
    body = {"type": "reencode", "params": {"videoId": videos[0]}, **options}
    job = api.get(f"{JOBS}/{api.post(JOBS, json=body).json()['id']}").json()
    assert [job[name] for name in ("resourceCategory", "lane", "priority", "vramRequired", "maxRetries")] == [
        "cpu", "live-high", 1, 7, 9
    ]  # fmt: skip
    assert job["params"] == {"videoId": videos[0]}


def test_a_reencode_has_a_route_of_its_own(api: TestClient, videos: list[str]) -> None:
    body = {"videoId": "1.mp4", "targetBitrate": 900, "preset": "fast", "crf": 20, "priority": 2}
    body |= {"maxHeight": 720, "surround": True}
    response = api.post(f"{JOBS}/reencode", json=body)
    assert response.status_code == 201
    job = api.get(f"{JOBS}/{response.json()['id']}").json()
    wanted = {"targetBitrate": 900, "preset": "fast", "crf": 20, "maxHeight": 720, "surround": True}
    assert job["params"] == {"videoId": videos[1], **wanted}
    assert (job["type"], job["priority"], job["resourceCategory"]) == ("reencode", 2, "gpu_encode")
    assert error(api.post(f"{JOBS}/reencode", json=body | {"crf": 99}), 422)["field"] == "crf"
    assert error(api.post(f"{JOBS}/reencode", json=body | {"videoId": "no.mp4"}), 422)["field"] == "videoId"


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"params": {}}, "type"),
        ({"type": "juggle"}, "type"),
        ({"type": "validate", "params": {}}, "params.videoId"),
        ({"type": "validate", "params": {"videoId": "no.mp4"}}, "params.videoId"),
        ({"type": "validate", "params": {"videoId": "0.mp4", "maxSpeed": 3}}, "params.maxSpeed"),
        ({"type": "validate", "params": {"video_id": "0.mp4", "max_speed": 3}}, "params.max_speed"),
        ({"type": "validate", "params": {"videoId": "0.mp4", "depth": "deep"}}, "params.depth"),
        ({"type": "validate", "params": {"videoId": "\0"}}, "params"),
        ({"type": "validate", "params": {"videoId": "0.mp4"}, "priority": 11}, "priority"),
        ({"type": "validate", "params": {"videoId": "0.mp4"}, "priority": 1, "queue": "live"}, "priority"),
        ({"type": "validate", "params": {"videoId": "0.mp4"}, "queue": "idle", "level": "low"}, "level"),
        ({"type": "validate", "params": {"videoId": "0.mp4"}, "resourceCategory": "gpu_ai"}, "resourceCategory"),
        ({"type": "validate", "params": {"videoId": "0.mp4"}, "vramRequired": -1}, "vramRequired"),
        ({"type": "validate", "params": {"videoId": "0.mp4"}, "maxRetry": 1}, "maxRetry"),
    ],
)
def test_a_wrong_job_is_422_with_its_field(
    api: TestClient, videos: list[str], body: dict[str, object], field: str
) -> None:
    assert error(api.post(JOBS, json=body), 422)["field"] == field
    assert api.get(JOBS).json()["pagination"]["total"] == 0


def test_many_jobs_go_in_at_once_and_keep_their_order(api: TestClient, videos: list[str]) -> None:
    known = create(api, videos[1])
    jobs: list[dict[str, Any]] = [{"type": "validate", "params": {"videoId": name}} for name in videos[:3]]
    jobs.insert(1, {"type": "reencode", "params": {"videoId": videos[0]}, "priority": 1})
    response = api.post(f"{JOBS}/bulk", json={"jobs": [*jobs, jobs[0]]})
    assert response.status_code == 201
    taken = response.json()["data"]
    assert [job["type"] for job in taken] == ["validate", "reencode", "validate", "validate", "validate"]
    assert [job["duplicate"] for job in taken] == [False, False, True, False, True]
    assert (taken[2]["id"], taken[4]["id"]) == (known, taken[0]["id"])


def test_of_many_jobs_none_is_taken_where_one_is_wrong(api: TestClient, videos: list[str]) -> None:
    jobs = [
        {"type": "validate", "params": {"videoId": videos[0]}},
        {"type": "validate", "params": {"videoId": videos[1], "depth": "deep"}},
        {"type": "juggle"},
        {"type": "validate", "params": {"videoId": "no.mp4"}},
    ]
    refused = error(api.post(f"{JOBS}/bulk", json={"jobs": jobs}), 422)
    assert refused["field"] == "jobs[1].params.depth"
    assert all(
        name in refused["message"] for name in ("jobs[1].params.depth", "jobs[2].type", "jobs[3].params.videoId")
    )
    assert api.get(JOBS).json()["pagination"]["total"] == 0


# --- listed and looked at ---------------------------------------------------------------------------------------------


def test_a_list_has_pages_and_filters(api: TestClient, videos: list[str]) -> None:
    jobs = [create(api, video, priority=1 + number % 2) for number, video in enumerate(videos)]
    first = api.get(JOBS, params={"limit": 4}).json()
    assert first["pagination"] == {"page": 1, "limit": 4, "total": 10, "totalPages": 3, "next": None}
    assert first["data"][0].keys() >= {
        "id", "type", "status", "progress", "resourceCategory", "vramRequired", "priority", "params", "createdAt",
        "startedAt", "completedAt",
    }  # fmt: skip
    pages = [api.get(JOBS, params={"limit": 4, "page": page}).json()["data"] for page in (1, 2, 3)]
    assert sorted(job["id"] for page in pages for job in page) == sorted(jobs)
    live = api.get(JOBS, params={"lane": "live-high", "type": "validate", "status": ["pending", "running"]}).json()
    assert sorted(job["id"] for job in live["data"]) == sorted(jobs[::2])
    assert api.get(JOBS, params={"resourceCategory": "gpu_encode"}).json()["data"] == []


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ({"limit": 201}, "limit"),
        ({"page": 0}, "page"),
        ({"status": "asleep"}, "status[0]"),
        ({"since": "yesterday"}, "since"),
        ({"before": "nonsense"}, "before"),
        ({"colour": "red"}, "colour"),
        ({"text": "\0"}, "text"),
    ],
)
def test_a_wrong_query_is_422_with_its_field(api: TestClient, query: dict[str, Any], field: str) -> None:
    assert error(api.get(JOBS, params=query), 422)["field"] == field


def test_a_jobs_page_has_progress_log_and_result(api: TestClient, worker: SyncPrefectClient, videos: list[str]) -> None:
    job = uuid.UUID(create(api, videos[0]))
    worker.set_flow_run_state(job, Running(), force=True)
    _artifact(worker, job, "progress", 41.26)
    worker.create_logs(
        [LogCreate(name="a", level=20, message="half of it", timestamp=datetime.now(UTC), flow_run_id=job)]
    )
    running = api.get(f"{JOBS}/{job}").json()
    assert (running["status"], running["progress"], running["result"]) == ("running", 41.3, None)
    assert running["log"].endswith("half of it")
    result = {"path": "playback/0.mp4", "source": "inbox/0.mp4", "is_valid": True, "skipped": {"a_b.mp4": "why"}}
    _artifact(worker, job, "result", result)
    worker.set_flow_run_state(job, Completed(), force=True)
    done = api.get(f"{JOBS}/{job}").json()
    assert (done["status"], done["progress"], done["retryCount"]) == ("completed", 100, 0)
    assert done["result"] == {
        "inputPath": "inbox/0.mp4", "outputPath": "playback/0.mp4", "path": "playback/0.mp4", "source": "inbox/0.mp4",
        "isValid": True, "skipped": {"a_b.mp4": "why"},
    }  # fmt: skip
    assert [segment["what"] for segment in done["timeline"]] == ["waiting", "running"]


def test_a_log_is_shown_to_10_kb_and_downloaded_whole(
    api: TestClient, worker: SyncPrefectClient, videos: list[str]
) -> None:
    job = uuid.UUID(create(api, videos[0]))
    lines = [
        LogCreate(name="a", level=20, message=f"{number} " + "é" * 500, timestamp=datetime.now(UTC), flow_run_id=job)
        for number in range(30)
    ]
    worker.create_logs(lines)
    shown = api.get(f"{JOBS}/{job}").json()["log"]
    assert 9_000 < len(shown.encode()) <= 10_240
    assert shown.splitlines()[-1].endswith(lines[-1].message)
    whole = api.get(f"{JOBS}/{job}/log.txt")
    assert whole.headers["content-type"] == "text/plain; charset=utf-8"
    assert [line.split(maxsplit=3)[3] for line in whole.text.splitlines()] == [line.message for line in lines]


def test_a_log_goes_on_from_its_cursor(api: TestClient, worker: SyncPrefectClient, videos: list[str]) -> None:
    job = uuid.UUID(create(api, videos[0]))
    worker.create_logs(
        [
            LogCreate(name="a", level=30, message=text, timestamp=datetime.now(UTC), flow_run_id=job)
            for text in ("one", "two")
        ]
    )
    first = api.get(f"{JOBS}/{job}/log", params={"limit": 1}).json()
    assert ([each["text"] for each in first["lines"]], first["complete"]) == (["one"], False)
    rest = api.get(f"{JOBS}/{job}/log", params={"after": first["cursor"]}).json()
    assert [(each["level"], each["text"]) for each in rest["lines"]] == [("WARNING", "two")]
    assert api.get(f"{JOBS}/{job}/log", params={"after": rest["cursor"]}).json()["lines"] == []
    assert error(api.get(f"{JOBS}/{job}/log", params={"after": "x"}), 422)["field"] == "after"


@pytest.mark.parametrize("path", ["", "/log", "/log.txt", "/audit"])
def test_an_unknown_job_is_404(api: TestClient, path: str) -> None:
    assert error(api.get(f"{JOBS}/{uuid.uuid4()}{path}"), 404)["code"] == "UnknownName"


def test_numbers_have_every_status_type_and_lane(api: TestClient, worker: SyncPrefectClient, videos: list[str]) -> None:
    jobs = [create(api, video) for video in videos[:3]]
    api.post(f"{JOBS}/reencode", json={"videoId": videos[0]})
    worker.set_flow_run_state(uuid.UUID(jobs[0]), Running(), force=True)
    worker.set_flow_run_state(uuid.UUID(jobs[0]), Completed(), force=True)
    worker.set_flow_run_state(uuid.UUID(jobs[1]), Failed(), force=True)
    numbers = api.get(f"{JOBS}/stats").json()
    statuses = ("pending", "queued", "running", "completed", "failed", "paused", "cancelled")
    assert [numbers[status] for status in statuses] == [2, 0, 0, 1, 1, 0, 0]
    assert numbers["jobsByType"] == {"validate": 3, "reencode": 1}
    assert numbers["averageProcessingTime"] >= 0
    assert (numbers["totalVramUsed"], numbers["totalVramAvailable"]) == (0, 0)


# --- steered ----------------------------------------------------------------------------------------------------------


def test_a_job_is_paused_resumed_and_cancelled_by_the_caller(api: TestClient, videos: list[str]) -> None:
    job = create(api, videos[0])
    assert api.post(f"{JOBS}/{job}/pause", json={"reason": "a guest is watching"}).json()["status"] == "paused"
    assert api.post(f"{JOBS}/{job}/resume").json()["status"] == "pending"
    cancelled = api.post(f"{JOBS}/{job}/cancel").json()
    assert cancelled["status"] == "cancelled"
    assert "--- JOB CANCELLED BY ADMIN ---" in cancelled["log"]
    assert "paused by test-super_admin: a guest is watching" in cancelled["log"]
    assert "cancelled by test-super_admin" in cancelled["log"]
    trail = api.get(f"{JOBS}/{job}/audit").json()
    assert [(entry["action"], entry["actor"], entry["origin"]) for entry in trail["data"]] == [
        (action, "test-super_admin", "api") for action in ("cancel", "resume", "pause", "submit")
    ]


def test_what_was_done_to_a_job_outlives_it_and_the_whole_site_is_listed(
    api: TestClient, worker: SyncPrefectClient, videos: list[str]
) -> None:
    job = create(api, videos[0])
    api.post(f"{JOBS}/{job}/cancel")
    cleared: Any = "/flow_runs/bulk_delete"  # not among the routes that the client's types know
    worker.request("POST", cleared, json={"flow_runs": {"id": {"any_": [job]}}, "limit": 1})
    assert [entry["action"] for entry in api.get(f"{JOBS}/{job}/audit").json()["data"]] == ["cancel", "submit"]
    site = api.get("/api/media/audit", params={"limit": 1}).json()
    assert [(entry["action"], entry["jobId"]) for entry in site["data"]] == [("cancel", job)]
    assert site["pagination"]["total"] == 2
    assert api.get("/api/media/audit", params={"since": "2100-01-01T00:00:00Z"}).json()["data"] == []


def test_a_reason_forges_no_lines_of_a_log(api: TestClient, videos: list[str]) -> None:
    job = create(api, videos[0])
    forged = {"reason": "mine\n2026-01-01 INFO cancelled by somebody else"}
    assert error(api.post(f"{JOBS}/{job}/cancel", json=forged), 422)["field"] == "reason"
    assert Actor("a", "b\nc\x1b").did("cancelled") == "cancelled by a: b c "


def test_a_parameter_by_both_of_its_names_is_refused(api: TestClient, videos: list[str]) -> None:
    sent = {"type": "validate", "params": {"videoId": videos[0], "video_id": videos[1]}}
    assert error(api.post(JOBS, json=sent), 422)["field"] == "params"


def test_a_log_is_read_without_the_prefect_server(api: TestClient, services: Services, videos: list[str]) -> None:
    """What explains why a job waits needs it, and a log has nothing of that."""
    job = create(api, videos[0])

    def away(_job_id: uuid.UUID) -> None:
        raise PlatformError("The Prefect server does not answer.")

    services.dispatcher.reader.read = away  # type: ignore[method-assign,assignment]
    assert api.get(f"{JOBS}/{job}/log").status_code == 200


def test_a_failed_job_is_sent_back_and_its_log_counts_the_attempts(
    api: TestClient, worker: SyncPrefectClient, videos: list[str]
) -> None:
    job = create(api, videos[0])
    for attempt in (1, 2):
        worker.set_flow_run_state(uuid.UUID(job), Running(), force=True)
        worker.set_flow_run_state(uuid.UUID(job), Failed(message="no"), force=True)
        again = api.post(f"{JOBS}/{job}/retry")
        assert again.status_code == 200
        assert (again.json()["status"], again.json()["retryCount"]) == ("pending", attempt)
        assert f"--- RETRY ATTEMPT {attempt} ---" in again.json()["log"]


@pytest.mark.parametrize(
    ("body", "lane"),
    [({"priority": 1}, "live-high"), ({"queue": "batch", "level": "low"}, "batch-low"), ({"queue": "idle"}, "idle")],
)
def test_a_job_moves_to_another_lane_and_keeps_its_id(
    api: TestClient, videos: list[str], body: dict[str, object], lane: str
) -> None:
    job = create(api, videos[0])
    moved = api.post(f"{JOBS}/{job}/priority", json=body)
    assert (moved.status_code, moved.json()["id"], moved.json()["lane"]) == (200, job, lane)


def test_a_job_moves_to_the_front_of_its_lane(api: TestClient, videos: list[str]) -> None:
    _, second = create(api, videos[0]), create(api, videos[1])
    assert api.post(f"{JOBS}/{second}/priority", json={"front": True}).json()["id"] == second


@pytest.mark.parametrize(
    "body", [{}, {"priority": 0}, {"priority": 1, "front": True}, {"priority": 1, "queue": "live"}]
)
def test_no_place_or_two_places_are_422(api: TestClient, videos: list[str], body: dict[str, object]) -> None:
    assert error(api.post(f"{JOBS}/{create(api, videos[0])}/priority", json=body), 422)["field"] == "priority"


@pytest.mark.parametrize("action", ["retry", "resume"])
def test_what_the_state_forbids_is_409(api: TestClient, videos: list[str], action: str) -> None:
    assert error(api.post(f"{JOBS}/{create(api, videos[0])}/{action}"), 409)["code"] == "WrongStatus"


@pytest.mark.parametrize("action", ["cancel", "pause", "priority"])
def test_a_job_that_is_over_cannot_be_steered(
    api: TestClient, worker: SyncPrefectClient, videos: list[str], action: str
) -> None:
    job = create(api, videos[0])
    worker.set_flow_run_state(uuid.UUID(job), Completed(), force=True)
    body = {"priority": 1} if action == "priority" else None
    assert error(api.post(f"{JOBS}/{job}/{action}", json=body), 409)["code"] == "WrongStatus"


@pytest.mark.parametrize("action", ["retry", "cancel", "pause", "resume"])
def test_an_unknown_job_cannot_be_steered(api: TestClient, action: str) -> None:
    assert error(api.post(f"{JOBS}/{uuid.uuid4()}/{action}"), 404)["code"] == "UnknownName"


# --- who may ----------------------------------------------------------------------------------------------------------


def test_automation_may_create_jobs_and_nothing_else(api: TestClient, videos: list[str]) -> None:
    body, automation = {"type": "validate", "params": {"videoId": videos[0]}}, login(Role.AUTOMATION)
    created = api.post(JOBS, json=body, headers=automation)
    assert created.status_code == 201
    assert error(api.get(JOBS, headers=automation), 403)["code"] == "NotAllowed"
    cancel = f"{JOBS}/{created.json()['id']}/cancel"
    assert error(api.post(cancel, headers=automation), 403)["code"] == "NotAllowed"


def test_a_viewer_sees_no_jobs_and_makes_none(api: TestClient) -> None:
    viewer = login(Role.VIEWER)
    for response in (api.get(JOBS, headers=viewer), api.post(JOBS, json={"type": "scan"}, headers=viewer)):
        assert error(response, 403)["code"] == "NotAllowed"


def test_nobody_is_401(api: TestClient) -> None:
    response = api.get(JOBS, headers={"Authorization": "Bearer nobody"})
    assert error(response, 401)["code"] == "NotLoggedIn"
    assert response.headers["WWW-Authenticate"] == "Bearer"
