from __future__ import annotations

import re
from pathlib import Path

import pytest
from pydantic import ValidationError

from reelmill.errors import UserError
from reelmill.settings import Settings, get_settings


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("data_dir", "/srv/reelmill", Path("/srv/reelmill")),
        ("media_root", "/srv/media", Path("/srv/media")),
        ("database_url", "postgresql://me@db/films", "postgresql://me@db/films"),
        ("node_name", "node-2", "node-2"),
        ("prefect_port", "4300", 4300),
        ("api", "off", "off"),
        ("api_port", "4110", 4110),
        ("api_proxy", "10.0.0.9", "10.0.0.9"),
        ("metrics_port", "9400", 9400),
        ("ffmpeg", "/opt/ffmpeg", Path("/opt/ffmpeg")),
        ("gst_launch", "/opt/gst-launch-1.0", Path("/opt/gst-launch-1.0")),
        ("models", "/srv/models/clip", Path("/srv/models/clip")),
        ("dask_address", "tcp://10.0.0.2:8786", "tcp://10.0.0.2:8786"),
    ],
)
def test_each_is_read_from_the_environment(
    monkeypatch: pytest.MonkeyPatch, name: str, text: str, value: object
) -> None:
    monkeypatch.delenv("REELMILL_API")  # off in tests
    assert getattr(Settings(), name) != value
    monkeypatch.setenv(f"REELMILL_{name.upper()}", text)
    assert getattr(Settings(), name) == value


def test_a_name_without_the_prefix_says_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    before = Settings().node_name
    monkeypatch.setenv("NODE_NAME", "another")
    assert Settings().node_name == before


def test_paths_become_absolute(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("REELMILL_MEDIA_ROOT", "films")
    monkeypatch.setenv("REELMILL_DATA_DIR", "~/site")
    monkeypatch.setenv("HOME", "/home/me")
    settings = Settings()
    assert settings.media_root == tmp_path / "films"
    assert settings.data_dir == Path("/home/me/site")
    assert settings.postgres_dir.parent == settings.prefect_home.parent == settings.log_dir.parent == settings.data_dir


def test_frozen() -> None:
    settings = Settings()
    with pytest.raises(ValidationError):
        settings.node_name = "other"  # type: ignore[misc]


@pytest.mark.parametrize("port", ["0", "65536", "http"])
@pytest.mark.parametrize("name", ["prefect_port", "api_port", "metrics_port"])
def test_a_port_that_is_none_is_refused(monkeypatch: pytest.MonkeyPatch, name: str, port: str) -> None:
    monkeypatch.setenv(f"REELMILL_{name.upper()}", port)
    with pytest.raises(ValidationError, match=name):
        Settings()


def test_a_wrong_variable_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REELMILL_PREFECT_PORT", "http")
    monkeypatch.setenv("REELMILL_LOGIN", "maybe")
    get_settings.cache_clear()
    with pytest.raises(UserError) as refused:
        get_settings()
    assert {"REELMILL_PREFECT_PORT=http", "REELMILL_LOGIN=maybe"} <= set(re.findall(r"[A-Z_]+=\w+", str(refused.value)))


def test_read_once_until_the_cache_is_cleared(monkeypatch: pytest.MonkeyPatch) -> None:
    first = get_settings()
    monkeypatch.setenv("REELMILL_NODE_NAME", "renamed")
    assert get_settings() is first
    get_settings.cache_clear()
    assert get_settings().node_name == "renamed"
