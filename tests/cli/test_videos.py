"""``reelmill videos``, and videos by name, on a catalogue."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from prefect.settings import PREFECT_API_AUTH_STRING, PREFECT_API_URL, temporary_settings
from prefect.states import Completed
from typer.testing import CliRunner

from reelmill.catalogue.engine import session
from reelmill.catalogue.facts import product_sources
from reelmill.catalogue.facts.product_sources import SourceSegment
from reelmill.catalogue.models import Video, VideoTag
from reelmill.cli.commands import videos
from reelmill.cli.main import app
from reelmill.cli.server import dispatcher_from
from reelmill.dispatch import Dispatcher
from reelmill.dispatch.testing import MemorySite
from reelmill.errors import UserError
from tests.cli.queue_in_memory import Shell, shell


@pytest.fixture
def reelmill(catalogue: str) -> Iterator[Shell]:
    with shell() as opened:
        yield opened


def _video(name: str, folder: str = "library/videos", **facts: Any) -> Video:
    values = {
        "title": Path(name).stem,
        "path": f"{folder}/{name}",
        "directory_type": Path(folder).name,
        "filename": name,
        "size": 84_100_000,
        "mtime_ns": 1,
        "duration": 125.0,
        "video_codec": "h264",
        "width": 640,
        "height": 480,
    }
    video = Video(**{**values, **facts})
    with session() as opened:
        opened.add(video)
    return video


def _paths(reelmill: Shell, *arguments: str) -> list[str]:
    return [Path(video["path"]).name for video in reelmill.json("videos", "list", *arguments)["videos"]]


def test_videos_are_listed_by_what_they_are(reelmill: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    assert _paths(reelmill) == []
    first = _video("a.mp4")
    _video("b.mp4", is_valid=False, validation_error="it is no video")
    _video("c.mp4", missing_since=datetime.now(UTC) - timedelta(hours=3))
    _video("d.mp4", folder="library/home", duration=5.0)
    assert _paths(reelmill) == ["d.mp4", "a.mp4", "b.mp4", "c.mp4"]
    assert _paths(reelmill, "--invalid") == ["b.mp4"]
    assert _paths(reelmill, "--missing") == ["c.mp4"]
    assert _paths(reelmill, "--type", "home") == ["d.mp4"]
    assert _paths(reelmill, "--where", "duration > 1m and not invalid") == ["a.mp4", "c.mp4"]
    result = reelmill("videos", "list", "--limit", "3")
    header, *rows = result.stdout.splitlines()
    assert header.split() == ["id", "path", "length", "size", "video", "note"]
    assert rows[1].split() == [str(first.id)[:8], "library/videos/a.mp4", "2:05", "84", "MB", "h264", "640x480"]
    assert rows[2].endswith("invalid: it is no video")
    assert "first 3" in result.stderr
    monkeypatch.setattr(videos, "_PORTION", 3)
    rows = reelmill("videos", "list", "--all").stdout.splitlines()
    assert len(rows) == 6  # two tables: what is listed may be more than memory holds
    assert rows[-1].endswith("missing since 3 h ago")


def test_everything_known_of_one_is_shown(reelmill: Shell) -> None:
    video = _video("Der Zirkus.mp4", title="Circus")
    (job,) = reelmill.json("jobs", "submit", "validate", "circus")["jobs"]
    assert job["parameters"] == {"video_id": str(video.id)}
    reelmill.client.set_flow_run_state(job["id"], Completed(), force=True)
    copy = _video(
        "Der Zirkus.mp4", folder="playback", source_video_id=video.id, made_by=job["id"], size=21_025_000,
        source_size=84_100_000, encode_cpu_seconds=31.2, vmaf=95.25,
    )  # fmt: skip
    with session() as opened:
        product_sources.record(opened, copy.id, [SourceSegment.whole(video)])
        opened.add(VideoTag(video_id=video.id, name="elephant", confidence=0.9))
        opened.add(VideoTag(video_id=video.id, name="tiger", confidence=0.0, by_person=True))
    found = reelmill.json("videos", "show", str(video.id)[:8])
    assert (found["video"]["title"], found["source"]) == ("Circus", None)
    assert [product["path"] for product in found["products"]] == [copy.path]
    assert [one["id"] for one in found["jobs"]] == [job["id"]]
    shown = reelmill("videos", "show", "Circus").stdout
    assert "elephant" in shown
    assert "tiger" not in shown  # a person has found that it does not fit
    assert copy.path in shown
    assert reelmill.json("videos", "show", copy.path)["source"]["id"] == str(video.id)
    assert "63 MB, 75 %, for 31 s of CPU, VMAF 95.2" in reelmill("videos", "show", copy.path).stdout
    assert _paths(reelmill, "--where", "saved > 60 MB and vmaf > 90") == [copy.filename]
    assert isinstance(reelmill("videos", "show", "nobody", code=1).exception, UserError)


def test_a_file_in_the_current_folder_is_the_video_it_is(
    reelmill: Shell, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    video = _video("a.mp4")
    path = tmp_path / "media" / video.path
    path.parent.mkdir(parents=True)
    path.touch()
    monkeypatch.chdir(path.parent)
    jobs = [reelmill.json("jobs", "submit", "validate", name)["jobs"][0] for name in ("a.mp4", "./a.mp4", str(path))]
    assert {job["parameters"]["video_id"] for job in jobs} == {str(video.id)}
    assert len({job["id"] for job in jobs}) == 1


def test_a_video_that_is_not_found_does_not_stop_the_others(reelmill: Shell) -> None:
    video = _video("a.mp4")
    submitted = reelmill.json("jobs", "submit", "validate", "nobody.mp4", "a.mp4", code=1)
    assert [job["parameters"]["video_id"] for job in submitted["jobs"]] == [str(video.id)]
    assert [error["name"] for error in submitted["errors"]] == ["nobody.mp4"]
    reelmill.clock.steps = [lambda: reelmill.client.set_flow_run_state(job_id, Completed(), force=True)]
    job_id = submitted["jobs"][0]["id"]
    result = reelmill("run", "validate", "a.mp4", "nobody.mp4", code=1)
    assert "completed" in result.stdout
    assert "nobody.mp4" in result.stderr.splitlines()[-1]
    assert isinstance(reelmill("jobs", "submit", "validate", "nobody.mp4", code=1).exception, UserError)
    assert reelmill.json("jobs", "status", job_id, "ffffffff", code=1)["jobs"][0]["id"] == job_id


def test_a_video_is_shown_where_no_server_is_up(catalogue: str, monkeypatch: pytest.MonkeyPatch) -> None:
    video = _video("a.mp4")
    monkeypatch.delenv("PREFECT_API_URL", raising=False)
    with temporary_settings(restore_defaults=[PREFECT_API_URL, PREFECT_API_AUTH_STRING]):  # a site of other tests
        result = CliRunner().invoke(app, ["videos", "show", "a.mp4", "--output", "json"])
    found = json.loads(result.stdout)
    assert (found["video"]["id"], found["jobs"]) == (str(video.id), None)


def test_a_video_is_shown_where_the_server_refuses(catalogue: str) -> None:
    video = _video("a.mp4")

    @contextmanager
    def refusing() -> Iterator[Dispatcher]:
        raise UserError("The Prefect server asks for a login.")
        yield

    with dispatcher_from(refusing):
        result = CliRunner().invoke(app, ["videos", "show", "a.mp4", "--output", "json"])
    found = json.loads(result.stdout)
    assert (found["video"]["id"], found["jobs"]) == (str(video.id), None)


def test_an_older_deployment_takes_videos_by_name(catalogue: str) -> None:
    video = _video("a.mp4")
    site = MemorySite()
    site.deploy("validate", pool="cpu", schema={"properties": {"video_id": {"type": "string", "format": "uuid"}}})
    with dispatcher_from(site.dispatcher):
        result = CliRunner().invoke(app, ["jobs", "submit", "validate", "a.mp4", "--output", "json"])
    (job,) = json.loads(result.stdout)["jobs"]
    assert job["parameters"] == {"video_id": str(video.id)}


def test_a_name_longer_than_any_file_is_no_video(reelmill: Shell) -> None:
    assert isinstance(reelmill("videos", "show", "n" * 300, code=1).exception, UserError)
