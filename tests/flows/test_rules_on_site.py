"""What follows a scan on a running site: its table, its successor, its events; rules and notifications."""

from __future__ import annotations

import json
import os
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.filters import (
    ArtifactFilter,
    FlowRunFilter,
    FlowRunFilterId,
    FlowRunFilterState,
    FlowRunFilterStateType,
)
from prefect.client.schemas.objects import FlowRun, StateType
from prefect.states import Scheduled
from sqlmodel import select
from typer.testing import CliRunner

from blocks import MediaLibrary
from blocks.stored import DEFAULT
from deployments.site import Site
from reelmill.catalogue.engine import session
from reelmill.catalogue.models import Video
from reelmill.cli.main import app
from reelmill.dispatch import Dispatcher, JobFilter, dispatcher
from reelmill.queue.job import Job, JobStatus
from reelmill.queue.rule import Rule, RuleJob
from tests.clips import clip
from tests.patience import until
from tests.server_answers import answering

pytestmark = pytest.mark.site


@pytest.fixture
def prefect(on_site: Site) -> Iterator[Dispatcher]:
    MediaLibrary(settle_seconds=600).save(DEFAULT, overwrite=True)
    with dispatcher() as opened:
        yield opened


@pytest.fixture
def client() -> Iterator[SyncPrefectClient]:
    with get_client(sync_client=True) as opened:
        yield opened


def _events(client: SyncPrefectClient, **chosen: Any) -> list[dict[str, Any]]:
    route: Any = "/events/filter"
    found = client.request("POST", route, json={"filter": chosen, "limit": 50}).json()["events"]
    assert isinstance(found, list)
    return found


def _video(name: str) -> Video | None:
    with session() as opened:
        return opened.exec(select(Video).where(Video.filename == name)).first()


def _shown(client: SyncPrefectClient, job: Job) -> str:
    chosen = FlowRunFilter(id=FlowRunFilterId(any_=[job.id]))
    found = client.read_artifacts(artifact_filter=ArtifactFilter(), flow_run_filter=chosen)
    return "\n".join(str(artifact.data) for artifact in found if artifact.type == "markdown")


def test_a_scan_shows_its_files_emits_their_events_and_looks_again_by_itself(
    on_site: Site, prefect: Dispatcher, client: SyncPrefectClient
) -> None:
    folder = on_site.settings.media_root / "library" / "videos"
    folder.mkdir(parents=True)
    clip(folder / "old.mp4", seconds=1)
    _age(folder / "old.mp4")
    (folder / "broken.mp4").write_bytes(b"not a video")
    _age(folder / "broken.mp4")
    clip(folder / "copied just now.mp4", seconds=1)
    (scanned,) = prefect.jobs.wait([prefect.jobs.submit("scan", {"directory_type": "videos"}, priority=3).id])
    assert scanned.status is JobStatus.COMPLETED, scanned.message
    since = scanned.created
    assert since is not None
    table = _shown(client, scanned)
    good, broken = _video("old.mp4"), _video("broken.mp4")
    assert good is not None
    assert broken is not None
    assert f"| new | library/videos/old.mp4 | {good.id} |" in table
    assert f"| new, invalid | library/videos/broken.mp4 | {broken.id} |" in table

    def emitted() -> dict[str, Any]:
        ids = [f"reelmill.video.{video.id}" for video in (good, broken)]
        found = _events(client, resource={"id": ids}, occurred={"since": since.isoformat()})
        return {event["resource"]["prefect.resource.name"]: event for event in found}

    events = until(lambda: found if len(found := emitted()) == 2 else None)
    assert events is not None
    assert {event["event"] for event in events.values()} == {"reelmill.video.added"}
    assert {path: event["payload"]["valid"] for path, event in events.items()} == {
        "library/videos/old.mp4": True,
        "library/videos/broken.mp4": False,
    }
    assert f"prefect.flow-run.{scanned.id}" in {
        related["prefect.resource.id"] for related in events["library/videos/old.mp4"]["related"]
    }

    def successors() -> list[FlowRun]:
        waiting = FlowRunFilterState(type=FlowRunFilterStateType(any_=[StateType.SCHEDULED]))
        found = client.read_flow_runs(flow_run_filter=FlowRunFilter(state=waiting), limit=200)
        return [run for run in found if any(tag.endswith("-later") for tag in run.tags)]

    (later,) = successors()
    assert (later.work_queue_name, later.parameters["directory_type"]) == (scanned.lane, "videos")
    assert later.next_scheduled_start_time is not None
    assert 0 < (later.next_scheduled_start_time - since).total_seconds() < 600 + 200
    assert _video("copied just now.mp4") is None
    _age(folder / "copied just now.mp4")
    client.set_flow_run_state(later.id, Scheduled(), force=True)
    (done,) = prefect.jobs.wait([later.id])
    assert done.status is JobStatus.COMPLETED, done.message
    assert _video("copied just now.mp4") is not None
    assert successors() == []


def test_a_rule_that_is_on_does_its_jobs_and_a_failure_is_announced(
    on_site: Site, prefect: Dispatcher, client: SyncPrefectClient
) -> None:
    folder = on_site.settings.media_root / "library" / "videos"
    clip(folder / "good.mp4", seconds=1)
    (folder / "broken.mp4").write_bytes(b"not a video")
    for path in folder.iterdir():
        _age(path)
    bodies: list[bytes] = []
    with answering([200] * 9, bodies) as url:
        _reelmill("notify", "add", "people", f"{url}/a-secret", "--on", "failure", "--every", "0")
        (listed,) = json.loads(_reelmill("notify", "list", "--output", "json"))["notifications"]
        assert listed == {"name": "people", "on": ["failure"], "every": 0.0, "enabled": True}
        prefect.rules.add(Rule("awake", "videos", (RuleJob("validate", {"depth": "full"}),)))
        prefect.rules.add(Rule("asleep", "videos", (RuleJob("thumbnail_generate"),)))
        try:
            prefect.rules.turn("awake", on=True)
            _reelmill("notify", "test", "people")
            assert json.loads(bodies.pop())["subject"] == "Reelmill: a test"
            scanned = _run(prefect, "scan", directory_type="videos")

            made = until(lambda: _since(prefect, scanned, "validate"))
            (done,) = prefect.jobs.wait([job.id for job in made])
            good = _video("good.mp4")
            assert good is not None
            assert (done.status, done.parameters["video_id"]) == (JobStatus.COMPLETED, str(good.id)), done.message
            assert (done.parameters["depth"], done.pool, done.priority, "cpu" in done.tags) == ("full", "cpu", 5, True)
            assert _since(prefect, scanned, "thumbnail_generate") == []

            failed = _run(prefect, "validate", video_id=str(uuid.uuid4()))
            assert failed.status is JobStatus.FAILED
            message = json.loads(until(lambda: bodies[-1] if bodies else b""))
            assert message["subject"] == f"Reelmill: {failed.name} failed"
            assert str(failed.id) in message["body"]
            assert failed.message is not None
            assert failed.message in message["body"]
            assert len(bodies) == 1
        finally:
            prefect.rules.remove("awake")
            prefect.rules.remove("asleep")
            _reelmill("notify", "remove", "people")
    assert (prefect.rules.all(), prefect.notifications.all()) == ([], [])
    assert "a-secret" not in json.dumps(_all_blocks(client))


def _reelmill(*arguments: str) -> str:
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 0, (result.output, result.exception)
    assert "a-secret" not in result.output
    return result.stdout


def _run(prefect: Dispatcher, job_type: str, **parameters: object) -> Job:
    return prefect.jobs.wait([prefect.jobs.submit(job_type, parameters).id])[0]


def _since(prefect: Dispatcher, scanned: Job, job_type: str) -> list[Job]:
    return prefect.jobs.search(JobFilter(types=(job_type,), since=scanned.created)).jobs


def _all_blocks(client: SyncPrefectClient) -> Any:
    route: Any = "/block_documents/filter"
    return client.request("POST", route, json={"include_secrets": True}).json()


def _age(path: Path) -> None:
    os.utime(path, (1e9, 1e9))
