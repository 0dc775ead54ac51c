"""The file name that a run is called after, and what it is when the catalogue does not know."""

from __future__ import annotations

import socket

import pytest

from reelmill.operations.context import Workbench
from reelmill.operations.video_name import file_name
from reelmill.settings import get_settings
from tests.clips import clip
from tests.operations.library import add


def test_whatever_names_a_video_leads_to_its_files_name(bench: Workbench) -> None:
    video = add(bench, clip(bench.root.folder("inbox") / "chaplin.mp4", seconds=1))
    for name in (str(video.id), "inbox/chaplin.mp4", "chaplin.mp4"):
        assert file_name(name) == "chaplin.mp4"
    assert file_name("nobody.mp4") is None
    assert file_name("") is None


def test_a_database_without_tables_is_no_trouble(catalogue: str, monkeypatch: pytest.MonkeyPatch) -> None:
    url = catalogue.replace("+psycopg", "").replace("/reelmill?", "/postgres?")
    monkeypatch.setenv("REELMILL_DATABASE_URL", url)
    get_settings.cache_clear()
    assert file_name("chaplin.mp4") is None


def test_a_database_that_does_not_answer_is_no_trouble_either(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        monkeypatch.setenv("REELMILL_DATABASE_URL", f"postgresql://a:b@127.0.0.1:{silent.getsockname()[1]}/c")
        get_settings.cache_clear()
        assert file_name("chaplin.mp4") is None
