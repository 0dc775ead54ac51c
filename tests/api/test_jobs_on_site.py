"""Jobs over HTTP on a running site: real ones, done by its workers and read from its database."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from deployments.site import Site
from reelmill.api.access.roles import Role
from reelmill.api.app import create_app
from reelmill.api.services import open_services
from reelmill.operations.jobs.scan import scan
from reelmill.storage.media_root import MediaRoot
from tests.api.callers import KnownCallers, login
from tests.clips import clip
from tests.patience import until

pytestmark = pytest.mark.site

JOBS = "/api/media/jobs"


@pytest.fixture
def api(on_site: Site) -> Iterator[TestClient]:
    """The API of the site, called by a SUPER_ADMIN."""
    with (
        open_services(KnownCallers()) as services,
        TestClient(create_app(services), headers=login(Role.SUPER_ADMIN)) as client,
    ):
        yield client


@pytest.fixture
def library(on_site: Site) -> Path:
    """The media root, with three videos in its inbox."""
    root = MediaRoot(on_site.settings.media_root)
    for number in range(3):
        clip(root.folder("inbox") / f"{number}.mp4", size="64x36")
    scan(root, "inbox", directory_types=["inbox"], settle_seconds=0)
    return root.path


def _hand_in(api: TestClient, *jobs: tuple[str, dict[str, Any]]) -> list[str]:
    body = {"jobs": [{"type": job_type, "params": params, "priority": 1} for job_type, params in jobs]}
    response = api.post(f"{JOBS}/bulk", json=body)
    assert response.status_code == 201, response.text
    return [job["id"] for job in response.json()["data"]]


def _read(api: TestClient, path: str, **query: Any) -> dict[str, Any]:
    response = api.get(f"{JOBS}{path}", params=query)
    assert response.status_code == 200, response.text
    found: dict[str, Any] = response.json()
    return found


def test_real_jobs_are_listed_counted_and_looked_at(api: TestClient, library: Path) -> None:
    since, before = datetime.now(UTC).isoformat(), _read(api, "/stats")
    thumbnails = _hand_in(
        api, *[("thumbnail_generate", {"videoId": f"{number}.mp4", "width": 64}) for number in range(3)]
    )
    (validated,) = _hand_in(api, ("validate", {"videoId": "0.mp4"}))

    def under_way() -> list[str]:
        found = _read(api, "", since=since)["data"]
        return [job["status"] for job in found if job["status"] != "completed"] + [""] * (4 - len(found))

    until(lambda: not under_way(), lambda: str(_read(api, "", since=since)))

    # A page begins where the one before ended, whatever came in meanwhile.
    query = {"type": "thumbnail_generate", "since": since, "limit": 2}
    first = _read(api, "", status="completed", **query)
    assert (first["pagination"]["total"], first["pagination"]["totalPages"]) == (3, 2)
    assert _hand_in(api, ("thumbnail_generate", {"videoId": "0.mp4", "width": 32}))
    rest = _read(api, "", before=first["pagination"]["next"], **query)
    assert [job["id"] for job in [*first["data"], *rest["data"]]] == thumbnails[::-1]
    assert rest["pagination"]["next"] is None
    of_video = _read(api, "", videoId=first["data"][1]["params"]["videoId"], resourceCategory="cpu", limit=200)
    assert {job["id"] for job in of_video["data"]} == {thumbnails[1]}

    after = _read(api, "/stats")
    assert after["jobsByType"]["validate"] == before["jobsByType"].get("validate", 0) + 1
    assert after["completed"] >= before["completed"] + 4
    assert after["averageProcessingTime"] > 0
    assert after["totalVramAvailable"] >= after["totalVramUsed"] >= 0

    done = _read(api, f"/{thumbnails[0]}")
    assert (done["status"], done["progress"], done["lane"], done["resourceCategory"]) == (
        "completed", 100, "live-high", "cpu"
    )  # fmt: skip
    assert done["result"]["inputPath"] == "inbox/0.mp4"
    assert (library / done["result"]["outputPath"]).read_bytes().startswith(b"\xff\xd8")
    assert (done["queuePosition"], done["retryCount"], done["failureClass"]) == (None, 0, None)
    assert done["createdAt"] <= done["startedAt"] <= done["completedAt"]
    assert [done["timeline"][place]["what"] for place in (0, -1)] == ["waiting", "running"]
    whole = api.get(f"{JOBS}/{thumbnails[0]}/log.txt").text
    assert done["log"]
    assert done["log"].splitlines()[-1] in whole
    looked_at = _read(api, f"/{validated}")["result"]
    assert (looked_at["inputPath"], "outputPath" in looked_at) == ("inbox/0.mp4", False)
    assert [entry["actor"] for entry in _read(api, f"/{validated}/audit")["data"]] == ["test-super_admin"]
