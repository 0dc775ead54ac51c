"""Duplicates side by side: reported by a real job, shown in sets, compared by keyboard; what jobs made is shown."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable
from typing import Final

import pytest
from playwright.sync_api import Browser, expect

from deployments.site import Site
from reelmill.api.access.roles import Role
from reelmill.catalogue.models import Video
from reelmill.operations.jobs.scan import scan
from reelmill.pages.job_outcome import made_paths
from reelmill.pages.views.video_compare import named
from reelmill.storage.media_root import MediaRoot
from tests.clips import ffmpeg, generated
from tests.pages.browser import JOB, NARROW, faults_for_people, look, visitor

pytestmark = pytest.mark.site

#: Of which no second looks like another.
_MOVING: Final = "mandelbrot=s=160x90:r=10:start_scale=0.6:end_scale=0.02:end_pts=200,hue=H=0.4*t,trim=duration=8"
_VP8: Final = ("-c:v", "libvpx", "-deadline", "realtime", "-g", "10", "-pix_fmt", "yuv420p")


def _library(site: Site) -> None:
    """A voyage, the same file once more, a smaller encode of it, and something else; Chromium plays all of them."""
    folder = MediaRoot(site.settings.media_root).folder("inbox")
    voyage = generated(folder / "voyage.webm", "-f", "lavfi", "-i", _MOVING, *_VP8)
    shutil.copy(voyage, folder / "voyage again.webm")
    ffmpeg("-i", voyage, "-vf", "scale=80:46", *_VP8, folder / "voyage small.webm")
    generated(folder / "other.webm", "-f", "lavfi", "-i", "testsrc2=s=96x54:r=10:d=6", *_VP8)
    scan(MediaRoot(site.settings.media_root), "inbox", directory_types=["inbox"], settle_seconds=0)


def test_duplicates_are_reported_shown_side_by_side_and_compared(
    on_site: Site, pages: str, browser: Browser, token_of: Callable[[Role], str]
) -> None:
    _library(on_site)
    with visitor(browser, pages, token_of(Role.SUPER_ADMIN)) as tab:
        tab.goto("/library")
        tab.get_by_role("link", name="Duplicates").press("Enter")
        tab.wait_for_url("**/library/duplicates")
        # What is the same byte by byte is known without a report.
        tab.get_by_role("link", name="Exact copies").first.press("Enter")
        tab.wait_for_url("**/library/duplicates?kind=exact")
        same = tab.get_by_role("region", name="Set 1").get_by_role("listitem")
        expect(tab.get_by_text("1 set", exact=True)).to_be_visible()
        expect(same.filter(has_text="inbox/voyage again.webm").first).to_be_visible()
        assert tab.get_by_text("voyage small.webm").count() == 0

        tab.get_by_role("link", name="Look alike").press("Enter")
        tab.get_by_role("button", name=re.compile("Run the report")).press("Enter")
        tab.wait_for_url(re.compile("/jobs/[0-9a-f-]{36}$"))
        expect(tab.locator(".rm-toast")).to_contain_text("The duplicates report is handed in.")
        result = tab.get_by_role("region", name="Result")
        expect(result).to_contain_text("1 set of the same", timeout=JOB)
        # The job shows what it has found as images.
        expect(result.locator("td img")).to_have_count(3)
        assert result.locator("td img").first.evaluate("image => image.naturalWidth") > 0
        look(tab, "duplicates-job")

        tab.goto("/library/duplicates")
        shown = tab.get_by_role("region", name="Set 1")
        expect(shown).to_contain_text("3 videos")
        expect(shown).to_contain_text("exact copy")
        expect(shown).to_contain_text(re.compile(r"\d+ % alike"))
        expect(shown).to_contain_text("80 × 46")
        assert faults_for_people(tab) == []
        tab.set_viewport_size(NARROW)
        assert tab.evaluate("document.documentElement.scrollWidth") <= NARROW["width"]
        shown.get_by_role("link", name="Compare inbox/voyage small.webm").press("Enter")
        tab.wait_for_url("**/compare?with=*")
        expect(tab.get_by_text(re.compile("of their seconds look alike"))).to_be_visible()
        tab.wait_for_function("[...document.querySelectorAll('video')].every((video) => video.readyState >= 1)")
        tab.get_by_label("Moment").press("End")
        tab.wait_for_function(
            "[...document.querySelectorAll('video')].every((video) => Math.abs(video.currentTime - 8) < 0.3)"
        )
        assert faults_for_people(tab) == []
        assert tab.evaluate("document.documentElement.scrollWidth") <= NARROW["width"]


def test_what_a_result_names_as_made_is_found_in_it() -> None:
    result = {
        "source": "inbox/a.mp4",
        "path": "digests/a.mp4",
        "clips": [{"path": "clips/a.mp4", "source": "inbox/a.mp4"}, {"path": "inbox/b.mp4", "source": "inbox/b.mp4"}],
        "scenes": [{"file": None, "picture": "thumbnails/a.jpg"}, {"file": "clips/s.mp4"}],
    }
    assert [*made_paths(result)] == ["digests/a.mp4", "clips/a.mp4", "clips/s.mp4"]
    assert [*made_paths(None)] == []


def test_two_videos_that_are_compared_are_told_apart_by_their_names() -> None:
    def video(path: str) -> Video:
        folder, _, name = path.rpartition("/")
        return Video(title=name, path=path, filename=name, directory_type=folder, size=1, mtime_ns=1)

    film, again, copy = video("inbox/a.mp4"), video("imports/a.mp4"), video("inbox/copy")
    assert [side.label for side in named(film, again)] == ["inbox/a.mp4", "imports/a.mp4"]
    assert [(side.role, side.label) for side in named(film, copy)] == [("", "a.mp4"), ("", "copy")]
    copy.source_video_id = film.id
    assert [(side.role, side.label) for side in named(film, copy)] == [("Source", "source"), ("Copy", "copy")]
