"""Which server is talked to, by what the environment, the settings in force and the site of this node say."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from prefect.settings import (
    PREFECT_API_AUTH_STRING,
    PREFECT_API_URL,
    PREFECT_SERVER_ALLOW_EPHEMERAL_MODE,
    PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS,
    temporary_settings,
)

from reelmill.dispatch.server.server_choice import chosen_server
from reelmill.settings import get_settings
from reelmill.site_discovery import SiteRecord, record_path


@pytest.fixture(autouse=True)
def _no_profile() -> Iterator[None]:
    """Nothing of the profile of whoever runs the tests."""
    with temporary_settings(restore_defaults=[PREFECT_API_URL, PREFECT_API_AUTH_STRING]):
        yield


@pytest.fixture
def here(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[SiteRecord]:
    """The record of a site of this node, whose address takes connections."""
    monkeypatch.setenv("REELMILL_DATA_DIR", str(tmp_path))
    get_settings.cache_clear()
    with socket.create_server(("127.0.0.1", 0)) as listener:
        url = f"http://127.0.0.1:{listener.getsockname()[1]}/api"
        record = SiteRecord(api_url=url, auth_string="reelmill:secret", pid=os.getpid(), media_root="/media")
        record.write(record_path())
        yield record


def _in_force() -> tuple[str | None, str | None]:
    return PREFECT_API_URL.value(), PREFECT_API_AUTH_STRING.value()


def test_this_nodes_site_where_nobody_chose(here: SiteRecord) -> None:
    before = _in_force()
    with chosen_server() as found:
        assert found
        assert _in_force() == (here.api_url, "reelmill:secret")
    assert _in_force() == before


def test_a_choice_stands_and_has_its_login_where_it_is_this_nodes(here: SiteRecord) -> None:
    other = "http://127.0.0.1:9/api"
    with temporary_settings({PREFECT_API_URL: other}), chosen_server() as found:
        assert found
        assert _in_force() == (other, None)
    with temporary_settings({PREFECT_API_URL: here.api_url}), chosen_server():
        assert _in_force() == (here.api_url, "reelmill:secret")
        with chosen_server(temporary=True):  # a flow within a flow
            assert _in_force() == (here.api_url, "reelmill:secret")
    chosen = {PREFECT_API_URL: here.api_url, PREFECT_API_AUTH_STRING: "somebody:else"}
    with temporary_settings(chosen), chosen_server():
        assert _in_force() == (here.api_url, "somebody:else")


def test_without_any_a_flow_has_a_server_of_its_own(tmp_path: Path) -> None:
    with chosen_server() as found:
        assert not found
    with chosen_server(temporary=True) as found:
        assert not found
        assert _in_force()[0] is None
        assert PREFECT_SERVER_ALLOW_EPHEMERAL_MODE.value()
        assert PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS.value() >= 120  # a busy node needs its time
    with temporary_settings({PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS: 7}), chosen_server(temporary=True):
        assert PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS.value() == 7


def test_importing_flows_has_no_effect(here: SiteRecord) -> None:
    """Not on the environment, of which all that a program starts has a copy, and not on Prefect's settings."""
    look = "import os, prefect.settings as p; s = p.get_current_settings().to_environment_variables(exclude_unset=True)"
    code = f"{look}; before = dict(os.environ), s; import flows.scan; {look}; assert (dict(os.environ), s) == before"
    env = {name: value for name, value in os.environ.items() if not name.startswith("PREFECT_")}
    subprocess.run([sys.executable, "-c", code], env=env, check=True)
