"""Jobs in a real browser, on a running site: created, watched, steered by keyboard alone, followed to their result."""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from deployments.site import Site
from reelmill.api.access.roles import Role
from reelmill.catalogue.engine import session
from reelmill.catalogue.videos.searching import by_paths
from reelmill.dispatch import Dispatcher, dispatcher
from reelmill.operations.jobs.scan import scan
from reelmill.storage.media_root import MediaRoot
from tests.clips import clip
from tests.pages.browser import JOB, NARROW, WIDE, Scheme, faults_for_people, visitor
from tests.patience import until

pytestmark = pytest.mark.site


@pytest.fixture
def prefect(on_site: Site) -> Iterator[Dispatcher]:
    """A dispatcher; pools that a failed test has left drained take jobs again."""
    with dispatcher() as opened:
        yield opened
        for pool in opened.pools.all():
            if pool.drained:
                opened.pools.undrain(pool.name)


@pytest.fixture
def inbox(on_site: Site) -> Path:
    """The inbox of the library, with two videos; one takes a while to be encoded."""
    root = MediaRoot(on_site.settings.media_root)
    clip(root.folder("inbox") / "harbour.mp4", size="640x360", seconds=10)
    clip(root.folder("inbox") / "small.mp4", size="64x36")
    scan(root, "inbox", directory_types=["inbox"], settle_seconds=0)
    return root.folder("inbox")


def _row(tab: Page, job_id: object) -> Locator:
    return tab.locator(f'tr[data-job="{job_id}"]')


def _press(tab: Page, name: str) -> None:
    """A button is found and pressed by keyboard."""
    button = tab.get_by_role("button", name=name, exact=True)
    button.focus()
    tab.keyboard.press("Enter")


def _toast(tab: Page, sentence: str) -> Locator:
    """The line that says what came of an action."""
    return tab.locator(".rm-toast").filter(has_text=sentence)


def _id_of(tab: Page) -> uuid.UUID:
    return uuid.UUID(tab.url.rpartition("/")[2])


def test_a_job_is_created_watched_and_followed_to_its_result(
    on_site: Site, pages: str, browser: Browser, token_of: Callable[[Role], str], inbox: Path
) -> None:
    token = token_of(Role.SUPER_ADMIN)
    with (
        visitor(browser, pages, token) as alice,
        visitor(browser, pages, token, scheme="dark") as bob,
    ):
        bob.goto("/jobs?type=reencode")
        expect(bob.get_by_role("heading", level=1)).to_have_text("Jobs")
        alice.goto("/jobs/new?type=reencode")
        video = alice.get_by_label("video_id")
        video.fill("harb")
        expect(alice.locator("datalist option")).to_have_count(1)
        assert faults_for_people(alice) == []
        # What is wrong is shown at its field.
        video.fill("nothing.mp4")
        _press(alice, "Create")
        expect(video).to_have_attribute("aria-invalid", "true")
        expect(video).to_be_focused()
        video.fill("inbox/harbour.mp4")
        alice.get_by_label("preset").select_option("veryslow")
        alice.get_by_label("force").press("Space")
        alice.get_by_label("Priority").press("ArrowLeft")
        # The same as JSON, and back.
        alice.get_by_role("tab", name="JSON").press("Enter")
        expect(alice.get_by_role("textbox", name="Parameters")).to_have_value(
            '{\n  "video_id": "inbox/harbour.mp4",\n  "preset": "veryslow",\n  "force": true\n}'
        )
        alice.get_by_role("tab", name="Form").press("Enter")
        _press(alice, "Create")
        alice.wait_for_url(lambda url: "/jobs/new" not in url)
        expect(_toast(alice, "The job is handed in.")).to_be_visible()
        job_id = _id_of(alice)

        row, seen = _row(bob, job_id), set[float]()
        expect(row).to_be_visible()
        assert row.locator("td[data-label=Priority]").inner_text() == "4"

        def over() -> bool:
            bar = row.get_by_role("progressbar")
            if bar.count():
                seen.add(float(bar.get_attribute("aria-valuenow") or 0))
            return "completed" in row.inner_text()

        until(over, lambda: f"{row.inner_text()} {seen}")
        assert len(seen - {0.0, 100.0}) >= 2, seen
        expect(alice.get_by_role("region", name="Result")).to_contain_text("harbour.mp4")
        expect(alice.get_by_role("log")).to_contain_text("progress")
        assert faults_for_people(alice) == []
        assert faults_for_people(bob) == []
        # A link is sent to somebody: what was chosen is in it, and the row leads to the job.
        row.get_by_role("link").press("Enter")
        bob.wait_for_url(f"**/jobs/{job_id}")
        expect(bob.get_by_role("region", name="Result")).to_be_visible()
        assert faults_for_people(bob) == []


def test_a_job_is_steered_by_keyboard_and_others_see_it(
    on_site: Site, pages: str, browser: Browser, token_of: Callable[[Role], str], inbox: Path, prefect: Dispatcher
) -> None:
    token = token_of(Role.SUPER_ADMIN)
    prefect.pools.drain("cpu")
    waiting = prefect.jobs.submit("validate", {"video_id": "small.mp4"}).public_id
    with visitor(browser, pages, token) as alice, visitor(browser, pages, token) as bob:
        alice.goto(f"/jobs/{waiting}")
        bob.goto("/jobs?type=validate")
        expect(bob.locator(".rm-foot").get_by_role("status")).to_have_text(re.compile(r"^\d+ jobs?$"))
        badge, row = alice.locator(".rm-head .rm-badge"), _row(bob, waiting)
        expect(alice.get_by_text("It waits:")).to_be_visible()
        for name, status, done in (
            ("Pause", "paused", "The job is paused."),
            ("Resume", "pending", "The job goes on."),
        ):
            _press(alice, name)
            expect(_toast(alice, done)).to_be_visible()
            expect(badge).to_contain_text(status)
            expect(row.locator(".rm-badge")).to_contain_text(status)
            assert alice.get_by_role("button", name="Retry").count() == 0
        alice.get_by_label("Priority").select_option("2")
        expect(_toast(alice, "The job waits with priority 2.")).to_be_visible()
        expect(row.locator("td[data-label=Priority]")).to_have_text("2")
        # It is asked first, and Escape is a no.
        _press(alice, "Cancel")
        expect(alice.get_by_role("alertdialog")).to_be_visible()
        assert faults_for_people(alice) == []
        # Tab stays in it, in both directions.
        stops = [alice.get_by_role("button", name=each) for each in ("Leave it", "Cancel the job")]
        expect(stops[1]).to_be_focused()
        for key, stop in (("Tab", stops[0]), ("Tab", stops[1]), ("Shift+Tab", stops[0]), ("Shift+Tab", stops[1])):
            alice.keyboard.press(key)
            expect(stop).to_be_focused()
        alice.keyboard.press("Escape")
        expect(alice.get_by_role("alertdialog")).to_have_count(0)
        expect(alice.get_by_role("button", name="Cancel", exact=True)).to_be_focused()
        expect(badge).to_contain_text("pending")
        _press(alice, "Cancel")
        expect(alice.get_by_role("button", name="Leave it")).to_be_in_viewport()
        alice.get_by_role("button", name="Cancel the job").click()  # by the mouse, too
        expect(_toast(alice, "The job is cancelled.")).to_be_visible()
        expect(badge).to_contain_text("cancelled")
        expect(row.locator(".rm-badge")).to_contain_text("cancelled")
        assert row.get_by_role("button").count() == 0

        prefect.pools.undrain("cpu")
        lost = inbox / "small.mp4"
        lost.rename(inbox / "away")
        failed = prefect.jobs.submit("thumbnail_generate", {"video_id": "small.mp4"}, max_retries=0).public_id
        bob.goto("/jobs?status=failed")
        expect(_row(bob, failed)).to_be_visible(timeout=JOB)
        (inbox / "away").rename(lost)
        retry = _row(bob, failed).get_by_role("button", name="Retry")
        retry.focus()
        bob.keyboard.press("Enter")
        expect(_toast(bob, "The job waits in its lane again.")).to_be_visible()
        expect(_row(bob, failed)).to_have_count(0)
        bob.get_by_role("button", name="failed").press("Enter")
        bob.wait_for_url(f"{pages}/jobs")
        expect(_row(bob, failed).locator(".rm-badge")).to_contain_text("completed", timeout=JOB)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_page_is_whole_and_open_to_all(
    on_site: Site,
    pages: str,
    browser: Browser,
    token_of: Callable[[Role], str],
    inbox: Path,
    prefect: Dispatcher,
    scheme: Scheme,
) -> None:
    prefect.pools.drain("gpu_ai")
    job = prefect.jobs.submit("digest", {"video_id": "small.mp4"}).public_id
    with session() as opened:
        (video,) = by_paths(opened, ["inbox/small.mp4"])
    with visitor(browser, pages, token_of(Role.SUPER_ADMIN), scheme=scheme) as tab:
        for path, shown in (
            ("/", tab.get_by_role("link", name="digest small.mp4")),
            ("/jobs", _row(tab, job).get_by_role("button", name="Cancel")),
            ("/jobs/new", tab.get_by_role("button", name="Create")),
            ("/library", tab.get_by_role("link", name="harbour")),
            (f"/library/{video.id}", tab.locator("summary")),
            ("/library/batch", tab.get_by_label("What is done with each video")),
            ("/nodes", tab.get_by_role("button", name="Let gpu_ai go on")),
            ("/doctor", tab.get_by_text("What helps:").first.or_(tab.get_by_text("All is well.")).first),
            (f"/jobs/{job}", tab.get_by_text("It waits:")),
            (f"/jobs/{uuid.uuid4()}", tab.get_by_text("There is no job of this id.")),
            ("/jobs/none", tab.get_by_role("link", name="All jobs")),
            ("/library/none", tab.get_by_role("link", name="All videos")),
            ("/library/none/compare", tab.get_by_text("There is no video of this id.")),
            ("/library/batches/none", tab.get_by_role("alert")),
        ):
            tab.goto(path)
            expect(shown).to_be_visible()
            assert faults_for_people(tab) == [], path
            tab.set_viewport_size(NARROW)
            assert tab.evaluate("document.documentElement.scrollWidth") <= NARROW["width"], path
            # What the page is for is within reach of a thumb, and not under the navigation at the bottom.
            shown.scroll_into_view_if_needed()
            shown.click(trial=True)
            tab.set_viewport_size(WIDE)
        prefect.jobs.cancel(job)  # while its pool holds it back
        tab.goto("/nodes")
        _press(tab, "Let gpu_ai go on")
        expect(_toast(tab, "gpu_ai takes jobs again.")).to_be_visible()
        assert faults_for_people(tab) == []  # its line is as legible in the dark
        expect(tab.get_by_role("button", name="Drain gpu_ai")).to_be_focused()
        tab.keyboard.press("Enter")
        _press(tab, "Drain it")
        expect(tab.get_by_role("button", name="Let gpu_ai go on")).to_be_focused()
        tab.keyboard.press("Enter")
        expect(tab.get_by_role("button", name="Drain gpu_ai")).to_be_focused()
