from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from deployments.processes import Child
from deployments.rest_api import RestApi
from deployments.site import Site
from reelmill.api.access import tokens
from reelmill.api.access.roles import Role
from reelmill.catalogue.engine import database_url
from reelmill.queue.actor import Actor
from tests.pages.browser import chromium
from tests.processes import SESSION_PROCESSES, children

BY = Actor("test")


@pytest.fixture(scope="package")
def browser(site: Site) -> Iterator[Browser]:
    """One browser for all tests of the pages; each test has its own cookies in it.

    It comes after the site: it keeps an event loop in the main thread, in which Prefect would only promise to save the
    site's blocks.
    """
    before = children()
    with chromium() as opened:
        SESSION_PROCESSES.update(process.pid for process in children() - before)
        yield opened


@contextmanager
def served(site: Site, folder: Path, **changed: str) -> Iterator[str]:
    """The pages of a site, in a process as the site starts it.

    Args:
        site: whose pages.
        folder: for its log.
        changed: environment variables that are to be otherwise.

    Yields:
        Their address.
    """
    started: list[Child] = []

    def start(arguments: list[str], env: Mapping[str, str]) -> Child:
        environment = {
            **os.environ,
            "REELMILL_DATA_DIR": str(site.settings.data_dir),
            "REELMILL_MEDIA_ROOT": str(site.settings.media_root),
            "REELMILL_DATABASE_URL": database_url(site.settings).replace("+psycopg", ""),
            **site.server.environment,
            **env,
            **changed,
        }
        started.append(Child.start("api", arguments, environment, folder))
        return started[-1]

    settings = site.settings.model_copy(update={"api": "on", "api_port": 4310})
    before = children()
    api = RestApi(settings, "127.0.0.1", start)
    SESSION_PROCESSES.update(process.pid for process in children() - before)
    try:
        api.await_health()
        yield api.url
    finally:
        for child in started:
            child.request_end()
            child.end(10)


@pytest.fixture(scope="package")
def pages(site: Site, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The pages of the session's site; their address."""
    with served(site, tmp_path_factory.mktemp("pages")) as address:
        yield address


@pytest.fixture
def token_of(on_site: Site) -> Callable[[Role], str]:
    """Makes tokens of the site."""
    return lambda role: tokens.issue(f"test-{role.lower()}", role, timedelta(hours=1), BY).text
