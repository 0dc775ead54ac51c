"""The command line on a running site: jobs are run and followed, nodes described."""

from __future__ import annotations

import json
from typing import Any

import pytest
from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterId
from typer.testing import CliRunner

from blocks import MediaLibrary
from blocks.stored import DEFAULT
from deployments.site import Site
from reelmill.cli.main import app
from reelmill.settings import get_settings
from tests.clips import clip
from tests.patience import until

pytestmark = pytest.mark.site


def _reelmill(*arguments: str, code: int = 0) -> str:
    result = CliRunner().invoke(app, [*arguments])
    assert result.exit_code == code, (result.output, result.exception)
    return result.stdout


def _json(*arguments: str, code: int = 0) -> Any:
    return json.loads(_reelmill(*arguments, "--output", "json", code=code))


def test_a_library_is_worked_on_by_names(on_site: Site) -> None:
    MediaLibrary(settle_seconds=0).save(DEFAULT, overwrite=True)
    folder = on_site.settings.media_root / "library" / "videos"
    clip(folder / "chaplin.mp4", seconds=1)
    assert "scan videos: completed" in _reelmill("run", "scan", "-p", "directory_type=videos")
    (submitted,) = _json("jobs", "submit", "thumbnail_generate", "Chaplin", "-p", "width=90")["jobs"]
    log = _reelmill("jobs", "logs", "--follow", "--all", submitted["id"])
    assert "library/videos/chaplin.mp4" in log
    assert log.count("completed: thumbnail_generate in") <= 1
    end = "completed: thumbnail_generate in"  # a log's last lines come up to seconds after the end of its job
    until(lambda: end in _reelmill("jobs", "logs", "--all", submitted["id"]), pause=1.0)
    assert _reelmill("jobs", "logs", "--all", submitted["id"]).count(end) == 1
    (again,) = _json("jobs", "status", "--follow", submitted["id"][:23])["jobs"]
    assert (again["status"], again["over"], again["name"]) == ("completed", True, "thumbnail_generate chaplin.mp4")
    assert again["parameters"]["video_id"] == submitted["parameters"]["video_id"] != "Chaplin"
    (failed,) = _json("run", "compile_gif", "chaplin.mp4", "-p", "start=5m", code=1)["jobs"]
    assert (failed["status"], failed["failure_class"]) == ("failed", "user_error")
    assert failed["id"] in [job["id"] for job in _json("jobs", "list", "--status", "failed", "--since", "5min")["jobs"]]

    (cleared,) = _json("jobs", "list", "--text", "compile_gif", "--status", "failed", "-n", "1")["jobs"]
    assert _json("jobs", "clear", cleared["id"], "--yes") == {"chosen": 1, "cleared": 1, "errors": []}
    with get_client(sync_client=True) as client:
        assert client.read_flow_runs(flow_run_filter=FlowRunFilter(id=FlowRunFilterId(any_=[cleared["id"]]))) == []
        settings = client.request("GET", "/admin/settings").json()
    assert "orphans" in settings["server"]["services"]["db_vacuum"]["enabled"]  # artifacts of runs that are deleted

    (node,) = _json("nodes", "list")["nodes"]
    assert (node["name"], node["status"], node["max_jobs"]) == (get_settings().node_name, "available", 8)
    assert "libx264" in node["hardware"]["encoders"]
    described = _reelmill("nodes", "describe", node["name"])
    for fact in ("polls every", "libx264", "VRAM for jobs", f"{node['name']}-gpu_ai"):
        assert fact in described
    assert _json("nodes", "describe", node["name"])["vram"][0]["total_mb"] == 16000
