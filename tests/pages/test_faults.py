"""A fault of ours on a page: no place of it stays blank, whoever looks learns what to do; the log has the rest."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator

import pytest
from fastapi import FastAPI
from nicegui import Client, core, ui
from playwright.sync_api import Browser, Page, expect

from reelmill.api.access.roles import Permission, Role
from reelmill.api.services import Services
from reelmill.dispatch.testing import MemorySite
from reelmill.pages.components.section import UNREADABLE
from reelmill.pages.components.states import button
from reelmill.pages.components.text import Text
from reelmill.pages.mounting import pages_app
from reelmill.pages.registry import page
from reelmill.pages.view import View
from reelmill.settings import get_settings
from tests.api.callers import KnownCallers
from tests.api.live import live
from tests.pages.browser import faults_for_people, log_in, visitor
from tests.patience import PATIENCE, until

pytestmark = pytest.mark.site


_times = {"shown": 0}


class _FaultError(Exception):
    """What nobody has foreseen."""


def _fail(*_: object) -> None:
    raise _FaultError


@page("/faults/build", "Build", permission=None)
async def _faulty_build(_view: View) -> None:
    Text("h1", "Build")
    _fail()


@page("/faults/places", "Places", permission=None)
async def _faulty_places(view: View) -> None:
    Text("h1", "Places")

    def show_once_more(found: str) -> None:
        _times["shown"] += 1
        Text("p", "half of it")
        if _times["shown"] == 1:
            _fail()
        Text("p", found)

    await view.section(lambda: "the whole of it", show_once_more)
    await view.section(lambda: "another place", lambda found: Text("p", found))
    button("Press", _fail)
    button("Tick", lambda: ui.timer(0.05, _fail, once=True))
    button("Act", lambda: view.act(Permission.MANAGE_JOBS, "Done.", _fail))


_open: list[Client] = []


@page("/faults/session", "Session", permission=None)
async def _ending_session(view: View) -> None:
    _open.append(view.client)
    button("End it", view.log_in)


@pytest.fixture(scope="module")
def faulty(browser: Browser) -> Iterator[Page]:
    """A tab of somebody who is logged in at pages that are at fault."""
    api = FastAPI()
    with (
        MemorySite().dispatcher() as prefect,
        live(pages_app(api), lifespan="on") as address,
        visitor(browser, address, None) as tab,
    ):
        api.state.services = Services(prefect, KnownCallers(), get_settings())
        tab.goto("/login?next=/faults/build")
        log_in(tab, Role.SUPER_ADMIN)
        yield tab


def _in_the_log(caplog: pytest.LogCaptureFixture) -> bool:
    """Whether the log has the traceback; what is expected there is taken out of it."""
    found = [record for record in caplog.records if record.levelno >= logging.ERROR]
    kinds = {record.exc_info[0] for record in found if record.exc_info is not None}
    caplog.clear()
    return kinds == {_FaultError}


def test_a_page_that_cannot_be_built_is_not_blank(faulty: Page, caplog: pytest.LogCaptureFixture) -> None:
    faulty.goto("/faults/build")
    expect(faulty.get_by_role("alert")).to_contain_text(UNREADABLE)
    assert faults_for_people(faulty) == []
    until(lambda: _in_the_log(caplog))
    faulty.get_by_role("button", name="Try again").press("Enter")
    faulty.wait_for_load_state()
    expect(faulty.get_by_role("alert")).to_contain_text(UNREADABLE)
    until(lambda: _in_the_log(caplog))


def test_a_place_that_cannot_be_shown_leaves_the_others(faulty: Page, caplog: pytest.LogCaptureFixture) -> None:
    faulty.goto("/faults/places")
    expect(faulty.get_by_role("alert")).to_contain_text(UNREADABLE)
    expect(faulty.get_by_text("another place")).to_be_visible()
    assert faulty.get_by_text("half of it").count() == 0
    until(lambda: _in_the_log(caplog))
    faulty.get_by_role("button", name="Try again").press("Enter")
    expect(faulty.get_by_text("the whole of it")).to_be_visible()
    expect(faulty.get_by_role("alert")).to_have_count(0)


@pytest.mark.parametrize("name", ["Press", "Tick", "Act"])
def test_what_goes_wrong_later_is_shown_in_a_toast(faulty: Page, caplog: pytest.LogCaptureFixture, name: str) -> None:
    faulty.goto("/faults/places")
    faulty.get_by_role("button", name=name).press("Enter")
    expect(faulty.get_by_text("That went wrong; the log of the REST API says more.")).to_be_visible()
    until(lambda: _in_the_log(caplog))


@pytest.mark.parametrize("goes", [True, False], ids=["a browser that leaves", "a browser that goes nowhere"])
def test_a_page_ends_once_with_its_session(
    faulty: Page, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch, goes: bool
) -> None:
    monkeypatch.setattr(core.app.config, "reconnect_timeout", 1.5)  # NiceGUI ends it so long after the socket's end
    monkeypatch.setattr("reelmill.pages.view._LEAVING", 0.5)
    if not goes:
        monkeypatch.setattr("reelmill.pages.view._LOG_IN", "")
    faulty.goto("/faults/session")
    faulty.get_by_role("button", name="End it").press("Enter")
    if goes:
        faulty.wait_for_url("**/login?next=%2Ffaults%2Fsession")
    client = _open[-1]
    until(lambda: client.is_deleted and not client._delete_tasks)
    assert core.loop is not None
    asyncio.run_coroutine_threadsafe(asyncio.sleep(0), core.loop).result(PATIENCE)  # what has failed is in the log
    assert [record.getMessage() for record in caplog.records if record.levelno >= logging.ERROR] == []
    assert client.id not in Client.instances
