"""The catalogue of this node is not opened for another node's site."""

from __future__ import annotations

import os
import socket
import uuid
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from prefect.settings import PREFECT_API_URL, temporary_settings

from reelmill.cli.catalogue_access import require_catalogue
from reelmill.errors import UserError
from reelmill.settings import get_settings
from reelmill.site_discovery import SiteRecord, record_path
from tests.cli.queue_in_memory import Shell, shell

OTHER = "http://192.0.2.7:4200/api"


@pytest.fixture
def reelmill() -> Iterator[Shell]:
    with shell() as opened:
        yield opened


@contextmanager
def _chosen(patch: pytest.MonkeyPatch, url: str) -> Iterator[None]:
    patch.setenv("PREFECT_API_URL", url)
    with temporary_settings({PREFECT_API_URL: url}):
        yield


@pytest.mark.parametrize(
    "command",
    [
        "videos list",
        "videos show a.mp4",
        "batch list",
        "batch cancel 0 --yes",
        "rules dry-run new",
        "plan --all",
        "jobs submit validate a.mp4",
    ],
)
def test_another_nodes_catalogue_is_asked_for(reelmill: Shell, monkeypatch: pytest.MonkeyPatch, command: str) -> None:
    with _chosen(monkeypatch, OTHER):
        error = reelmill(*command.split(), code=1).exception
        assert isinstance(error, UserError)
        assert "export REELMILL_DATABASE_URL=" in str(error)
        assert "192.0.2.7:4200" in str(error)
        where = reelmill("jobs", "submit", "validate", "--where", "copy is missing", "--yes", code=1)
        assert str(where.exception) == str(error)
    assert not get_settings().data_dir.exists()
    assert reelmill.prefect.jobs.search().total == 0


def test_whole_ids_need_no_catalogue(reelmill: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    one = uuid.uuid4()
    with _chosen(monkeypatch, OTHER):
        submitted = reelmill.json("jobs", "submit", "validate", one.hex, "a.mp4", code=1)
    assert [job["parameters"] for job in submitted["jobs"]] == [{"video_id": str(one)}]
    assert [error["name"] for error in submitted["errors"]] == ["a.mp4"]


def test_this_nodes_site_has_this_nodes_catalogue(monkeypatch: pytest.MonkeyPatch) -> None:
    require_catalogue()  # nobody chose
    get_settings().data_dir.mkdir()
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        tunnel = f"http://localhost:{port}/api"
        with _chosen(monkeypatch, tunnel), pytest.raises(UserError):
            require_catalogue()
        SiteRecord(api_url=f"http://127.0.0.1:{port}/api", pid=os.getpid(), media_root="/media").write(record_path())
        for url in (tunnel, f"http://127.0.0.1:{port}/api"):
            with _chosen(monkeypatch, url):
                require_catalogue()
        with _chosen(monkeypatch, OTHER), pytest.raises(UserError):
            require_catalogue()
    record_path().unlink()
    with _chosen(monkeypatch, tunnel):  # it is down
        require_catalogue()


def test_a_catalogue_that_is_named_is_the_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REELMILL_DATABASE_URL", "postgresql://192.0.2.7/prefect")
    get_settings.cache_clear()
    with _chosen(monkeypatch, OTHER):
        require_catalogue()
