"""What the people of the site agree on, in a real browser: changed by keyboard, refused, seen by others."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from blocks import TranscoderSettings
from deployments.site import Site
from reelmill.api.access.roles import Role
from reelmill.dispatch import Dispatcher, dispatcher
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
