"""A GIF that a real job made, asked for on the page of its video: in motion on the pages of job and video."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

import pytest
from playwright.sync_api import Browser, Page, expect

from deployments.site import Site
from reelmill.api.access.roles import Role
from reelmill.operations.jobs.scan import scan
from reelmill.storage.media_root import MediaRoot
from tests.clips import generated
from tests.pages.browser import JOB, look, visitor

pytestmark = pytest.mark.site

#: Chromium plays it.
_VOYAGE: Final = (
    *("-f", "lavfi", "-i", "mandelbrot=s=160x90:r=10:start_scale=0.6:end_scale=0.02:end_pts=200,trim=duration=2"),
    *("-c:v", "libvpx", "-deadline", "realtime", "-g", "10", "-pix_fmt", "yuv420p"),
)


def _look_twice(tab: Page, name: str) -> None:
    for scheme in ("dark", "light"):
        tab.emulate_media(color_scheme=scheme, reduced_motion="reduce")
        look(tab, f"{name}-{scheme}")


def test_a_gif_moves_on_the_pages_of_its_job_and_of_its_video(
    on_site: Site, pages: str, browser: Browser, token_of: Callable[[Role], str]
) -> None:
    root = MediaRoot(on_site.settings.media_root)
    generated(root.folder("inbox") / "voyage.webm", *_VOYAGE)
    scan(root, "inbox", directory_types=["inbox"], settle_seconds=0)
    with visitor(browser, pages, token_of(Role.SUPER_ADMIN)) as tab:
        tab.goto("/library")
        tab.get_by_role("link", name=re.compile("voyage")).press("Enter")
        tab.locator("summary").press("Enter")
        tab.get_by_role("button", name="GIF", exact=True).press("Enter")
        tab.get_by_role("alertdialog").get_by_role("button", name="GIF").press("Enter")
        tab.wait_for_url(re.compile("/jobs/[0-9a-f-]{36}$"))
        gif = tab.get_by_role("list", name="GIFs that were made").locator("img")
        expect(gif).to_be_visible(timeout=JOB)
        expect(gif).to_have_js_property("naturalWidth", 160)
        address = gif.evaluate("image => image.currentSrc")
        made = tab.request.get(address).body()
        assert made.startswith(b"GIF89a")
        assert b"NETSCAPE2.0" in made  # it begins anew for ever
        _look_twice(tab, "gif-job")
        tab.get_by_role("link", name="Open the video").press("Enter")
        shown = tab.get_by_role("region", name="Images of it").get_by_role("link", name="GIF").locator("img")
        shown.scroll_into_view_if_needed()
        expect(shown).to_have_js_property("naturalWidth", 160)
        _look_twice(tab, "gif-video")
