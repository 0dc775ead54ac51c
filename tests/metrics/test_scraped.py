"""A real Prometheus scrapes the API of a running site and a node: every query of every panel and alert finds data."""

from __future__ import annotations

import math
import subprocess
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Final

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from deployments.site import Site
from reelmill.api.access.roles import Role
from reelmill.api.app import create_app
from reelmill.api.services import Services
from reelmill.dispatch import dispatcher
from reelmill.metrics.worker_server import served
from reelmill.queue.retry_policy import DEAD_LETTER, RETRIES_LABEL
from reelmill.settings import get_settings
from tests.api.callers import KnownCallers, login
from tests.metrics.monitored import serving
from tests.metrics.nodes import rich_node
from tests.metrics.prometheus import program, running
from tests.metrics.queries import queries
from tests.metrics.runs import ENCODES, cleared_afterwards, write_ended
from tests.patience import until

#: What promtool complains of: names that the site's API has had from the beginning.
_GIVEN_NAMES: Final = (
    "media_jobs_running label names should be written in 'snake_case' not 'camelCase'",
    "metric names should not contain abbreviated units",
)


class _Scraped:
    """The API of a site on which other tests have worked, too.

    Args:
        address: its host and port.
    """

    def __init__(self, address: str):
        self.url = f"http://{address}/metrics"
        self.before = self.samples()

    def text(self) -> str:
        return httpx.get(self.url, headers=login(Role.SCRAPER)).text

    def samples(self) -> dict[tuple[str, ...], float]:
        """By name and label values, in the order of the labels' names."""
        return {
            (sample.name, *(sample.labels[name] for name in sorted(sample.labels))): sample.value
            for family in text_string_to_metric_families(self.text())
            for sample in family.samples
        }

    def change(self, *key: str) -> float:
        """By how much a value has risen since the beginning."""
        return self.samples()[key] - self.before.get(key, 0)


@pytest.fixture
def address(on_site: Site) -> Iterator[str]:
    """Host and port of an API of the site."""
    with (
        dispatcher() as prefect,
        cleared_afterwards(),
        serving(create_app(Services(prefect, KnownCallers(), get_settings()))) as host_and_port,
    ):
        yield host_and_port


@pytest.fixture
def api(address: str) -> _Scraped:
    """The API of the site, on which jobs of all kinds have ended since it was first scraped."""
    scraped = _Scraped(address)
    _end_some()
    return scraped


def _end_some() -> None:
    for figures in ENCODES:
        write_ended("reencode", "COMPLETED", figures.labels())
    write_ended("validate", "FAILED", {RETRIES_LABEL: 3}, DEAD_LETTER)
    write_ended("scan", "CANCELLED")


def test_every_query_of_every_panel_and_alert_finds_data(
    address: str, api: _Scraped, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    node = rich_node(tmp_path, monkeypatch)
    with served(node, get_settings(), 0) as port:
        targets = {"reelmill-api": address, "reelmill-workers": f"127.0.0.1:{port}"}
        with running(tmp_path, targets, Role.SCRAPER) as prometheus:
            completed = 'media_jobs_total{type="reencode",status="completed"}'
            (first,) = until(lambda: prometheus.result(completed))
            _end_some()  # a rate needs a total to rise between two scrapes
            until(lambda: prometheus.result(f"{completed} > {first['value'][1]}"))
            assert len(prometheus.alerts()) == 7
            for what, query in queries():
                # An alert's comparison gives nothing while all is well; what it compares must be there.
                compared = query if ":" in what else _without_thresholds(query)
                asked = compared.replace("$__rate_interval", "1h")
                found = until(partial(prometheus.result, asked), partial(str, what))
                numbers = [float(one["value"][1]) for one in found]
                assert any(math.isfinite(number) for number in numbers), (what, asked, found)


def _without_thresholds(query: str) -> str:
    """The same with ``bool`` comparisons, which give 0 where they do not hold."""
    for sign in (" > ", " < ", " == "):
        query = query.replace(sign, f"{sign}bool ")
    return query


def test_the_text_is_what_promtool_takes(api: _Scraped) -> None:
    done = subprocess.run([program("promtool"), "check", "metrics"], input=api.text(), capture_output=True, text=True)
    complaints = [
        line for line in (done.stdout + done.stderr).splitlines() if not any(one in line for one in _GIVEN_NAMES)
    ]
    assert complaints == []


def test_a_scrape_needs_a_token_of_a_role_that_may_read(api: _Scraped) -> None:
    assert httpx.get(api.url).status_code == 401
    for role in Role:
        allowed = role in (Role.SCRAPER, Role.SUPER_ADMIN)
        assert httpx.get(api.url, headers=login(role)).status_code == (200 if allowed else 403), role


def test_the_site_that_is_up_is_in_the_text(api: _Scraped) -> None:
    now = api.samples()
    assert now["media_site_up", "server"] == now["media_site_up", "database"] == 1
    assert api.change("media_jobs_total", "completed", "reencode") == 3
    assert api.change("media_dead_letters") == 1
    assert now["media_jobs_running", "cpu"] == 0
