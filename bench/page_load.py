"""``page_load``: a site of 100,000 jobs in a browser: our page of jobs, against the runs page of the Prefect UI.

A page counts as painted once its first row can be seen. Each visit has a new tab of a browser that has been there
before, as people's have.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

from playwright.sync_api import Browser, BrowserContext, sync_playwright

from bench.api_latency import JOBS, fill
from bench.harness import Row, compare, wall
from bench.site import BenchSite, bench_site
from reelmill.api.access import tokens
from reelmill.api.access.roles import Role
from reelmill.dispatch import Actor
from workpools.pools import pools

GOAL: Final = 2.0
LIMIT: Final = "the browser, which loads and starts Vue and Quasar (most of it)"

#: Debian's.
_CHROMIUM: Final = "/usr/bin/chromium"

_PATIENCE_MS: Final = 120_000


def run(runs: int, jobs: int = JOBS) -> Row:
    """Measure.

    Args:
        runs: how many turns.
        jobs: how many the site has had.

    Returns:
        Milliseconds to the first row.
    """
    with bench_site(api=True) as bench, _browser() as browser:
        for pool in pools():
            bench.pause(pool.name)
        fill(jobs)
        with _ours(browser, bench) as ours, _theirs(browser, bench) as theirs:
            return compare(
                "page_load", f"the runs page of the Prefect UI, same server ({jobs} jobs)", "ms to the first row",
                GOAL, LIMIT,
                ours=_visit(ours, f"{bench.site.rest_url}/jobs", "tr[data-job]"),
                theirs=_visit(theirs, f"{bench.site.ui_url}/runs", "a[href*='/runs/flow-run/']"),
                runs=runs,
            )  # fmt: skip


@contextmanager
def _browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=_CHROMIUM, args=["--no-sandbox"])
        try:
            yield browser
        finally:
            browser.close()


@contextmanager
def _ours(browser: Browser, bench: BenchSite) -> Iterator[BrowserContext]:
    token = tokens.issue("bench", Role.SUPER_ADMIN, None, Actor("bench")).text
    with browser.new_context() as context:
        tab = context.new_page()
        tab.goto(f"{bench.site.rest_url}/login")
        tab.get_by_label("Token").fill(token)
        tab.keyboard.press("Enter")
        tab.wait_for_url(lambda url: "/login" not in url)
        tab.close()
        yield context


@contextmanager
def _theirs(browser: Browser, bench: BenchSite) -> Iterator[BrowserContext]:
    """The Prefect UI keeps its login, encoded, where its scripts find it."""
    auth = bench.site.server.auth_string
    with browser.new_context() as context:
        if auth is not None:
            encoded = base64.b64encode(auth.encode()).decode()
            context.add_init_script(f"localStorage.setItem('prefect-password', '{encoded}')")
        yield context


def _visit(context: BrowserContext, url: str, row: str) -> Callable[[], float]:
    def visit() -> float:
        tab = context.new_page()
        tab.set_default_timeout(_PATIENCE_MS)

        def shown() -> None:
            tab.goto(url, wait_until="commit")
            tab.locator(row).first.wait_for(state="visible")

        try:
            return 1000 * wall(shown)
        finally:
            tab.close()

    return visit
