"""The library and the page of a video, as people use them: searched, opened, played by scene, acted on, by keyboard."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any, Final

import pytest
from playwright.sync_api import Browser, expect

from deployments.site import Site
from reelmill.analysis.scenes import transitions
from reelmill.api.access.roles import Role
from reelmill.catalogue.engine import session
from reelmill.catalogue.facts import assets, findings, product_sources, tagging
from reelmill.catalogue.facts.product_sources import SourceSegment
from reelmill.catalogue.models import Analysis, Asset, AssetKind, Video
from reelmill.catalogue.videos import scanning
from reelmill.storage.media_root import MediaRoot
from tests.clips import generated
from tests.pages.browser import JOB, look, visitor

pytestmark = pytest.mark.site

_LOADED: Final = "document.querySelector('video')?.readyState >= 1"

#: A GIF of one pixel.
_GIF: Final = bytes.fromhex("47494638396101000100800000000000ffffff2c00000000010001000002024401003b")


def _fill(site: Site) -> Video:
    """A hundred videos, of which one is a file of three colours with its scenes and a tag; its record."""
    root = MediaRoot(site.settings.media_root)
    path = _three_colours(root.path / "inbox" / "colours.webm")
    stat = path.stat()
    about: dict[str, Any] = {
        "video_codec": "vp8",
        "width": 160,
        "height": 120,
        "frame_rate": Fraction(10),
        "container": "webm",
        "audio_tracks": 0,
        "bit_rate": 20_000,
    }
    real = Video(
        title="Three colours",
        path="inbox/colours.webm",
        directory_type="inbox",
        filename="colours.webm",
        size=stat.st_size,
        mtime_ns=stat.st_mtime_ns,
        duration=3.0,
        **about,
    )
    others = [
        Video(
            title=f"Holiday {number:03}",
            path=f"videos/holiday-{number:03}.mkv",
            directory_type="videos",
            filename=f"holiday-{number:03}.mkv",
            size=1_000_000 * number,
            mtime_ns=1,
            duration=60.0 * number,
            **about,
        )
        for number in range(1, 100)
    ]
    with session() as opened:
        scanning.upsert_videos(opened, [real, *others])
    found = transitions.Transitions(cuts=(Fraction(1), Fraction(2)), fades=())
    with session() as opened:
        findings.store_analysis(
            opened,
            Analysis(
                video_id=real.id,
                kind=findings.TRANSITIONS,
                version=transitions.VERSION,
                size=real.size,
                mtime_ns=real.mtime_ns,
                result=transitions.packed(found),
            ),
        )
        tagging.set_by_person(opened, real.id, "palette")
    return real


def _three_colours(path: Path) -> Path:
    """Three seconds of red, green and blue, which a browser plays and which is no web copy yet."""
    inputs = [
        word for name in ("red", "lime", "blue") for word in ("-f", "lavfi", "-i", f"color={name}:s=160x120:r=10:d=1")
    ]
    encoding = ("-c:v", "libvpx", "-deadline", "realtime", "-g", "10", "-pix_fmt", "yuv420p")
    return generated(path, *inputs, "-filter_complex", "concat=n=3", *encoding)


def test_a_video_is_found_played_by_scene_and_acted_on_by_keyboard(
    on_site: Site, pages: str, browser: Browser, token_of: Callable[[Role], str]
) -> None:
    record = _fill(on_site)
    with visitor(browser, pages, token_of(Role.SUPER_ADMIN)) as tab:
        tab.goto("/library?sort=path")
        expect(tab.get_by_text("100 videos")).to_be_visible()
        expect(tab.get_by_role("link", name="Holiday")).to_have_count(59)
        look(tab, "library-light")
        tab.get_by_role("link", name="Next page").press("Enter")
        expect(tab.get_by_role("link", name="Holiday")).to_have_count(40)
        tab.get_by_role("link", name="First page").press("Enter")
        tab.wait_for_url("**/library?sort=path")

        tab.get_by_label("Search").fill("palette")
        tab.keyboard.press("Enter")
        tab.wait_for_url("**/library?search=palette&sort=path")
        expect(tab.get_by_text("1 video", exact=True)).to_be_visible()
        tab.get_by_role("link", name=re.compile("Three colours")).press("Enter")
        tab.wait_for_url(f"**/library/{record.id}")
        expect(tab.get_by_role("heading", level=1)).to_have_text("Three colours")
        playing = tab.locator("video")
        tab.wait_for_function(_LOADED)
        marks = tab.get_by_role("toolbar", name="Scenes").get_by_role("button")
        expect(marks).to_have_count(3)
        marks.nth(1).click()
        expect(playing).to_have_js_property("currentTime", 1)
        tab.keyboard.press("ArrowRight")
        expect(playing).to_have_js_property("currentTime", 2)
        expect(marks.nth(2)).to_have_attribute("aria-current", "true")
        look(tab, "video-light")

        tab.locator("summary").press("Enter")
        tab.get_by_role("button", name="Re-encode for Streaming").press("Enter")
        plan = tab.get_by_role("status").filter(has_text="Why")
        expect(plan).to_contain_text("Size now", timeout=JOB)
        look(tab, "plan-light")
        tab.keyboard.press("Escape")
        expect(plan).to_have_count(0)  # until it is gone, what has the focus is in it
        tab.locator("summary").press("Enter")
        tab.get_by_role("button", name="Validate Metadata").press("Enter")
        asked = tab.get_by_role("alertdialog")
        asked.get_by_role("button", name="Validate Metadata").press("Enter")
        tab.wait_for_url(re.compile("/jobs/[0-9a-f-]{36}$"))
        expect(tab.locator(".rm-toast")).to_contain_text("Validate Metadata is handed in.")
        tab.goto(f"/library/{record.id}")
        expect(tab.get_by_label("Jobs").get_by_text("completed")).to_be_visible(timeout=JOB)


def test_what_a_viewer_sees_in_the_dark(
    on_site: Site, pages: str, browser: Browser, token_of: Callable[[Role], str]
) -> None:
    with visitor(browser, pages, token_of(Role.VIEWER), scheme="dark") as tab:
        tab.goto("/library")
        expect(tab.get_by_text("reelmill jobs submit scan")).to_be_visible()
        look(tab, "library-empty-dark")
        record = _fill(on_site)
        tab.goto("/library?where=duration > 10m and")
        expect(tab.get_by_role("alert")).to_contain_text("cannot be read")
        tab.goto("/library?where=duration > 10m&folder=videos&sort=longest")
        expect(tab.get_by_text("89 videos")).to_be_visible()
        expect(tab.get_by_role("link", name="Holiday").first).to_contain_text("Holiday 099")
        assert tab.get_by_role("link", name="Batch").count() == 0
        look(tab, "library-dark")
        gif = MediaRoot(on_site.settings.media_root).path / "gifs" / "a moment.gif"
        gif.write_bytes(_GIF)
        with session() as opened:
            assets.record(opened, [Asset(video_id=record.id, path="gifs/a moment.gif", kind=AssetKind.GIF)])
        tab.goto(f"/library/{record.id}")
        tab.wait_for_function(_LOADED)
        image = tab.get_by_role("region", name="Images of it").get_by_role("link", name="GIF").locator("img")
        image.scroll_into_view_if_needed()
        expect(image).to_have_js_property("naturalWidth", 1)
        assert tab.get_by_text("Actions", exact=True).count() == 0
        assert tab.get_by_role("heading", name="Jobs").count() == 0
        look(tab, "video-dark")


def test_a_batch_is_counted_started_and_followed(
    on_site: Site, pages: str, browser: Browser, token_of: Callable[[Role], str]
) -> None:
    record = _fill(on_site)
    with visitor(browser, pages, token_of(Role.SUPER_ADMIN)) as tab:
        tab.goto("/library?search=palette")
        tab.get_by_role("link", name="Batch for these").press("Enter")
        tab.wait_for_url("**/library/batch?**")
        tab.get_by_label("What is done with each video").select_option("thumbnail_generate")
        expect(tab.get_by_role("status").filter(has_text="1 video")).to_be_visible()
        expect(tab.get_by_text(record.path)).to_be_visible()
        look(tab, "batch-light")
        tab.get_by_role("button", name="Start the batch").press("Enter")
        tab.wait_for_url("**/library/batches/*")
        expect(tab.locator(".rm-toast")).to_contain_text("The batch is started.")
        expect(tab.get_by_text("1 of 1 done.")).to_be_visible(timeout=JOB)
        look(tab, "batch-progress-light")
        tab.goto("/library?search=palette")
        image = tab.locator(".rm-thumb img")
        expect(image).to_have_js_property("complete", True)
        assert image.evaluate("image => image.naturalWidth") > 0


def test_a_copy_is_compared_with_its_source_by_keyboard(
    on_site: Site, pages: str, browser: Browser, token_of: Callable[[Role], str]
) -> None:
    record = _fill(on_site)
    root = MediaRoot(on_site.settings.media_root).path
    (root / "playback").mkdir(exist_ok=True)
    shutil.copy(root / record.path, root / "playback" / "colours.webm")
    kept = {
        name: getattr(record, name)
        for name in ("title", "filename", "mtime_ns", "duration", "frame_rate", "width", "height")
    }
    copy = Video(
        **kept,
        path="playback/colours.webm",
        directory_type="playback",
        size=record.size // 2,
        source_video_id=record.id,
        source_size=record.size,
    )
    with session() as opened:
        scanning.upsert_videos(opened, [copy])
        product_sources.record(opened, copy.id, [SourceSegment.whole(record)])
    with visitor(browser, pages, token_of(Role.VIEWER)) as tab:
        tab.goto(f"/library/{record.id}")
        expect(tab.get_by_text("Plays its web copy.")).to_be_visible()
        expect(tab.get_by_text(re.compile("^Saves .*50 %$"))).to_be_visible()
        tab.goto("/library?sort=saving")
        expect(tab.get_by_text(re.compile("^101 videos · 1 web copy saves .*, 50 %$"))).to_be_visible()
        expect(tab.locator(".rm-card").first).to_contain_text("playback")
        tab.go_back()
        tab.get_by_role("link", name="Compare").press("Enter")
        tab.wait_for_url("**/compare")
        tab.wait_for_function("[...document.querySelectorAll('video')].every((video) => video.readyState >= 1)")
        moment = tab.get_by_label("Moment")
        moment.press("End")
        tab.wait_for_function(
            "[...document.querySelectorAll('video')].every((video) => Math.abs(video.currentTime - 3) < 0.1)"
        )
        wipe = tab.get_by_label("Wipe")
        wipe.press("ArrowRight")
        expect(tab.get_by_label("source", exact=True)).to_have_css("clip-path", "inset(0px 49% 0px 0px)")
        look(tab, "compare-light")
