"""Who gets in, and that whoever's session ends comes back to the same place."""

from __future__ import annotations

from collections.abc import Callable

import httpx
import pytest
from playwright.sync_api import Browser, expect

from deployments.site import Site
from reelmill.api.access import tokens
from reelmill.api.access.roles import Role
from reelmill.pages.login import local_path
from tests.pages.browser import faults_for_people, log_in, visitor
from tests.pages.conftest import BY
from tests.patience import PATIENCE

pytestmark = pytest.mark.site


def test_a_session_that_ends_asks_for_a_token_and_comes_back(
    on_site: Site, pages: str, browser: Browser, token_of: Callable[[Role], str]
) -> None:
    with visitor(browser, pages, None) as tab:
        tab.goto("/?range=day")
        assert tab.url == f"{pages}/login?next=%2F%3Frange%3Dday"
        assert faults_for_people(tab) == []
        tab.get_by_label("Token").fill("none of this site")
        tab.keyboard.press("Enter")
        expect(tab.get_by_role("alert")).to_contain_text("token")
        log_in(tab, token_of(Role.SUPER_ADMIN))
        assert tab.url == f"{pages}/?range=day"
        expect(tab.get_by_role("heading", level=1)).to_have_text("Home")
        tab.keyboard.press("Tab")  # first of all by keyboard: past the navigation
        expect(tab.get_by_role("link", name="To the content")).to_be_focused()
        tokens.revoke("test-super_admin", BY)
        tab.wait_for_url("**/login?next=%2F%3Frange%3Dday")
        log_in(tab, token_of(Role.SUPER_ADMIN))
        assert tab.url == f"{pages}/?range=day"
        tab.get_by_role("button", name="Log out").press("Enter")
        tab.wait_for_url("**/login")
        tab.goto("/")
        assert "/login" in tab.url


def test_a_role_begins_on_a_page_of_its_own_and_sees_nothing_of_the_others(
    on_site: Site, pages: str, browser: Browser, token_of: Callable[[Role], str]
) -> None:
    with visitor(browser, pages, token_of(Role.VIEWER)) as tab:
        tab.wait_for_url("**/library")
        tab.goto("/jobs")
        expect(tab.get_by_role("heading", level=1)).to_have_text("Not for this token")
        assert tab.get_by_role("link", name="Home").count() == 0
    with visitor(browser, pages, token_of(Role.AUTOMATION)) as tab:
        tab.wait_for_url("**/jobs/new")
        expect(tab.get_by_role("heading", level=1)).to_have_text("Create job")


def test_no_page_of_another_origin_gets_in(on_site: Site, pages: str, token_of: Callable[[Role], str]) -> None:
    with httpx.Client(base_url=pages, timeout=PATIENCE) as client:
        response = client.post("/login", data={"token": token_of(Role.SUPER_ADMIN)})
        assert (response.status_code, response.headers["location"]) == (303, "/")
        cookie = response.headers["set-cookie"].lower()
        assert "httponly" in cookie
        assert "samesite=lax" in cookie
        assert client.get("/").status_code == 200
        # What is read goes by the cookie; what changes something goes by a token, or by a page of ours.
        assert client.get("/api/media/jobs").status_code == 200
        assert client.post("/api/media/jobs", json={"type": "scan"}).status_code == 401
        socket = "/_nicegui_ws/socket.io/?EIO=4&transport=polling"
        for origin, code in ((pages, 200), ("http://evil.example", 403), ("null", 403)):
            assert client.get(socket, headers={"Origin": origin}).status_code == code
        assert client.post("/logout", headers={"Origin": "http://127.0.0.1:1"}).status_code == 403
    with httpx.Client(base_url=pages, timeout=PATIENCE) as stranger:
        assert stranger.get("/jobs").headers["location"] == "/login?next=%2Fjobs"
        assert stranger.get(socket).status_code == 303
        # What the API has no route for is the API's to refuse, in its own words.
        assert stranger.get("/api/media/nothing").json()["error"]["code"] == "NotLoggedIn"


@pytest.mark.parametrize(
    ("path", "after"),
    [
        ("/jobs?status=failed", "/jobs?status=failed"),
        (None, "/"),
        ("https://evil.example/", "/"),
        ("//evil.example/", "/"),
        ("/\\evil.example/", "/"),
        ("///evil.example", "/evil.example"),
        ("javascript:alert(1)", "/"),
        ("/login?next=/login", "/"),
    ],
)
def test_the_login_leads_to_no_other_site(path: str | None, after: str) -> None:
    assert local_path(path) == after
