"""What the people of the site agree on, in a real browser: changed by keyboard, refused, seen by others."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect
from prefect.client.orchestration import get_client
from prefect.client.schemas.actions import BlockDocumentUpdate

from blocks import TranscoderSettings
from deployments.site import Site
from reelmill.api.access.roles import Role
from reelmill.dispatch import Dispatcher, dispatcher
from reelmill.errors import UserError
from tests.pages.browser import NARROW, WIDE, faults_for_people, visitor

pytestmark = pytest.mark.site


_NAME, _TITLE = "reelmill-transcoder", "Reelmill transcoder"

#: As ``reelmill deploy`` saves them.
_DEFAULTS = TranscoderSettings().model_dump(exclude={"block_type_slug"})


@pytest.fixture
def prefect(on_site: Site) -> Iterator[Dispatcher]:
    """A dispatcher; what was changed is put back."""
    with dispatcher() as opened:
        yield opened
        opened.blocks.change(_NAME, _DEFAULTS)


def _values(prefect: Dispatcher) -> dict[str, Any]:
    (found,) = (block.values for block in prefect.blocks.all() if block.name == _NAME)
    return dict(found)


def _save_unchecked(**values: Any) -> None:
    """As the Prefect UI of an older version saved them: the server takes whatever it is sent."""
    with get_client(sync_client=True) as client:
        document = client.read_block_document_by_name("default", _NAME)
        update = BlockDocumentUpdate(block_schema_id=document.block_schema_id, data=values, merge_existing_data=True)
        client.update_block_document(document.id, update)


def _current() -> TranscoderSettings:
    """As a job finds them; in a thread of its own, for the browser keeps an event loop in this one."""
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(copy_context().run, TranscoderSettings.current).result()


def _fill(tab: Page, name: str, value: str) -> None:
    """By keyboard, as somebody who has come to the field by Tab."""
    tab.get_by_label(name, exact=True).focus()
    tab.keyboard.press("Control+a")
    tab.keyboard.type(value)
    tab.keyboard.press("Tab")


def _save(tab: Page) -> None:
    tab.get_by_role("button", name=f"Save {_TITLE}").focus()
    tab.keyboard.press("Enter")


def test_a_setting_is_changed_by_keyboard_and_others_see_it(
    prefect: Dispatcher, pages: str, browser: Browser, token_of: Callable[[Role], str]
) -> None:
    with (
        visitor(browser, pages, token_of(Role.SUPER_ADMIN)) as alice,
        visitor(browser, pages, token_of(Role.VIEWER), scheme="dark") as bob,
    ):
        alice.goto("/settings")
        bob.goto("/settings")
        height, theirs = alice.get_by_label("max_height", exact=True), bob.get_by_role("region", name=_TITLE)
        expect(height).to_have_value("1080")
        expect(theirs).to_contain_text("1080")
        # Who may only read finds nothing to change.
        assert bob.locator("input, select, textarea").count() == 0
        assert bob.get_by_role("button", name="Save").count() == 0
        for tab in (alice, bob):
            assert faults_for_people(tab) == []
            tab.set_viewport_size(NARROW)
            assert tab.evaluate("document.documentElement.scrollWidth") <= NARROW["width"]
            tab.set_viewport_size(WIDE)
        # A value that cannot be has its sentence at its field, and nothing is changed.
        _fill(alice, "max_height", "9999")
        _fill(alice, "stall_timeout", "60")
        _save(alice)
        expect(height).to_have_attribute("aria-invalid", "true")
        expect(height).to_be_focused()
        expect(alice.get_by_text("max_height: 9999 is greater than the maximum of 4320.")).to_be_visible()
        assert _values(prefect) == _DEFAULTS
        # What somebody else saves meanwhile takes away nothing that is filled in, or is being typed.
        timeout = alice.get_by_label("total_timeout", exact=True)
        timeout.focus()
        alice.keyboard.type("9")
        prefect.blocks.change(_NAME, {"threads": 3, "max_height": 480})
        expect(alice.get_by_label("threads", exact=True)).to_have_value("3")
        expect(timeout).to_be_focused()
        expect(timeout).to_have_value("9")
        alice.keyboard.press("Backspace")
        expect(height).to_have_value("9999")
        expect(alice.get_by_text("Changed to 480 meanwhile.")).to_be_visible()
        _fill(alice, "max_height", "720")
        _save(alice)
        expect(theirs).to_contain_text("720")
        assert _values(prefect) == {**_DEFAULTS, "threads": 3, "max_height": 720, "stall_timeout": 60}
        expect(alice.get_by_role("button", name=f"Save {_TITLE}")).to_be_focused()
        entry = prefect.audit.entries().entries[0]
        assert (entry.action, entry.actor, entry.origin) == ("settings.change", "test-super_admin", "web")
        assert entry.details["after"] == {"max_height": 720, "stall_timeout": 60}


def test_a_saved_value_that_jobs_refuse_is_shown_with_what_is_allowed(
    prefect: Dispatcher, pages: str, browser: Browser, token_of: Callable[[Role], str]
) -> None:
    _save_unchecked(max_height=9999, threads=2)
    with pytest.raises(UserError):
        _current()
    sentence = "Jobs fail by what is saved here. max_height: 9999 is greater than the maximum of 4320."
    with (
        visitor(browser, pages, token_of(Role.SUPER_ADMIN)) as alice,
        visitor(browser, pages, token_of(Role.VIEWER)) as bob,
    ):
        for tab in (alice, bob):
            tab.goto("/settings")
            expect(tab.get_by_role("alert").filter(has_text="Jobs fail")).to_have_text([sentence])
            assert faults_for_people(tab) == []
        height = alice.get_by_label("max_height", exact=True)
        expect(height).to_have_value("9999")
        expect(height).to_have_attribute("aria-invalid", "true")
        _fill(alice, "max_height", "720")
        _save(alice)
        for tab in (alice, bob):
            expect(tab.get_by_text("Jobs fail")).to_have_count(0)
    assert _current().max_height == 720
