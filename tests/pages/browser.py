"""A real browser, and what tests ask of the pages in it."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, Literal

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, ViewportSize, expect, sync_playwright

from tests.patience import PATIENCE

#: Sizes of a window: of a desk, and of a phone.
WIDE: Final[ViewportSize] = {"width": 1440, "height": 900}
NARROW: Final[ViewportSize] = {"width": 390, "height": 844}

#: Milliseconds that a page has to show something, far more than it ever takes: a name that a page does
#: not have any more is not waited for as long as a job is.
_SHOWN: Final = 60_000

#: Milliseconds for what comes only once a job has run: ``expect(…).to_be_visible(timeout=JOB)``.
JOB: Final = PATIENCE * 1000

#: What axe-core calls a fault that keeps people out.
_SERIOUS: Final = ("serious", "critical")

#: Where somebody who looks wants the screenshots.
_SHOTS: Final = os.environ.get("REELMILL_TEST_SCREENSHOTS")

Scheme = Literal["light", "dark"]

expect.set_options(timeout=_SHOWN)


@contextmanager
def chromium() -> Iterator[Browser]:
    """Debian's Chromium without a window; skips the test where it is not there."""
    program = shutil.which("chromium")
    if program is None:
        pytest.skip("Chromium is not installed")
    with sync_playwright() as playwright:
        # As root it has no sandbox; what it opens here are our own pages.
        browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        try:
            yield browser
        finally:
            browser.close()


@contextmanager
def visitor(browser: Browser, address: str, token: str | None, *, scheme: Scheme = "light") -> Iterator[Page]:
    """Somebody with a browser of their own, logged in or not.

    Args:
        browser: that is running.
        address: of the site's pages.
        token: that they log in with; None: they do not.
        scheme: as their system has it.

    Yields:
        A tab of theirs. What a page's scripts trip over, and what it asks of another server, fails the test.
    """
    # Without movement: axe-core would judge the contrast of what is fading in.
    context = browser.new_context(base_url=address, viewport=WIDE, color_scheme=scheme, reduced_motion="reduce")
    context.set_default_timeout(_SHOWN)
    faults: list[str] = []
    try:
        tab = context.new_page()
        tab.on("pageerror", lambda error: faults.append(str(error)))
        tab.on("request", lambda request: faults.append(request.url) if _elsewhere(request.url, address) else None)
        if token is not None:
            tab.goto("/login")
            log_in(tab, token)
        yield tab
        assert not faults, faults
    finally:
        context.close()


def log_in(tab: Page, token: str) -> None:
    """Fill in the form for a token, by keyboard."""
    tab.get_by_label("Token").fill(token)
    tab.keyboard.press("Enter")
    tab.wait_for_url(lambda url: "/login" not in url)


def faults_for_people(tab: Page) -> list[str]:
    """What axe-core finds on a page that keeps people out who see, hear or move otherwise.

    Args:
        tab: with the page.

    Returns:
        A line for each serious fault.
    """
    found: list[dict[str, Any]] = Axe().run(tab).response["violations"]
    return [
        f"{fault['id']}: {fault['help']}: {[node['html'][:160] for node in fault['nodes'][:3]]}"
        for fault in found
        if fault["impact"] in _SERIOUS
    ]


def look(tab: Page, name: str) -> None:
    """What axe-core finds at both widths is nothing, and nothing is wider than the window.

    Args:
        tab: with the page.
        name: of its screenshots, which are kept where somebody wants to look at them: REELMILL_TEST_SCREENSHOTS.
    """
    for size, where in ((NARROW, "narrow"), (WIDE, "wide")):
        tab.set_viewport_size(size)
        assert faults_for_people(tab) == [], (name, where)
        overflow = tab.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        assert overflow <= 0, (name, where)
        if _SHOTS is not None:
            tab.screenshot(path=Path(_SHOTS) / f"{name}-{where}.png", full_page=True)


def _elsewhere(url: str, address: str) -> bool:
    return not url.startswith((f"{address}/", address.replace("http", "ws", 1), "data:", "blob:"))
