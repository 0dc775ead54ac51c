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


@pytest.fixture
def api(on_site: Site) -> Iterator[str]:
    """Host and port of the API of the site, on which jobs of all kinds have ended."""
    with dispatcher() as prefect, cleared_afterwards():
        _end_some()
        with serving(create_app(Services(prefect, KnownCallers(), get_settings()))) as address:
            yield address


def _end_some() -> None:
    for figures in ENCODES:
        write_ended("reencode", "COMPLETED", figures.labels())
    write_ended("validate", "FAILED", {RETRIES_LABEL: 3}, DEAD_LETTER)
    write_ended("scan", "CANCELLED")


def test_every_query_of_every_panel_and_alert_finds_data(
    api: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    node = rich_node(tmp_path, monkeypatch)
    with served(node, get_settings(), 0) as port:
        targets = {"reelmill-api": api, "reelmill-workers": f"127.0.0.1:{port}"}
        with running(tmp_path, targets, Role.VIEWER) as prometheus:
            until(lambda: prometheus.result('media_jobs_total{type="reencode",status="completed"} == 3'))
            _end_some()  # a rate needs a total to rise between two scrapes
            until(lambda: prometheus.result('media_jobs_total{type="reencode",status="completed"} == 6'))
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


def test_the_text_is_what_promtool_takes(api: str) -> None:
    text = httpx.get(f"http://{api}/metrics", headers=login(Role.SUPER_ADMIN)).text
    done = subprocess.run([program("promtool"), "check", "metrics"], input=text, capture_output=True, text=True)
    complaints = [
        line for line in (done.stdout + done.stderr).splitlines() if not any(one in line for one in _GIVEN_NAMES)
    ]
    assert complaints == []


def test_a_scrape_needs_a_token_of_a_role_that_may_read(api: str) -> None:
    url = f"http://{api}/metrics"
    assert httpx.get(url).status_code == 401
    assert httpx.get(url, headers=login(Role.AUTOMATION)).status_code == 403
    assert httpx.get(url, headers=login(Role.VIEWER)).status_code == 200


def test_the_site_that_is_up_is_in_the_text(api: str) -> None:
    text = httpx.get(f"http://{api}/metrics", headers=login(Role.VIEWER)).text
    lines = text.splitlines()
    assert 'media_site_up{source="server"} 1.0' in lines
    assert 'media_site_up{source="database"} 1.0' in lines
    assert 'media_jobs_total{status="completed",type="reencode"} 3.0' in lines or (
        'media_jobs_total{type="reencode",status="completed"} 3.0' in lines
    )
    assert "media_dead_letters 1.0" in lines
    assert 'media_jobs_running{resourceCategory="cpu"} 0.0' in lines
