"""What is away is named on each page, and what can be shown without it is shown."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Final

import pytest
from playwright.sync_api import Browser, expect

from deployments.site import Site
from reelmill.api.access.roles import Role
from tests.pages.browser import faults_for_people, visitor
from tests.pages.conftest import served

pytestmark = pytest.mark.site

#: Nobody listens at this port.
_NOWHERE: Final = "http://127.0.0.1:9/api"


def test_pages_name_a_server_that_is_away_and_show_the_rest(
    on_site: Site, browser: Browser, token_of: Callable[[Role], str], tmp_path: Path
) -> None:
    token = token_of(Role.SUPER_ADMIN)
    with (
        served(on_site, tmp_path, PREFECT_API_URL=_NOWHERE) as address,
        visitor(browser, address, token) as tab,
    ):
        away = tab.get_by_text("The Prefect server does not answer").first
        for path, shown in (
            ("/", tab.get_by_text("completed today")),
            ("/jobs", tab.get_by_role("region", name="List of jobs")),
            ("/jobs/new", away),
            ("/nodes", away),
            ("/doctor", tab.get_by_text(re.compile("findings? to look at"))),
            ("/library/batch?type=validate", tab.get_by_label("Of the videos")),
        ):
            tab.goto(path)
            expect(away).to_be_visible()
            expect(shown).to_be_visible()
        assert faults_for_people(tab) == []
        for path in ("/library", "/library/duplicates"):  # they need no server
            tab.goto(path)
            expect(tab.locator(".rm-state")).to_be_visible()
            expect(away).to_have_count(0)
