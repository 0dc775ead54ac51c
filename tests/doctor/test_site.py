"""A whole running site is looked at, and what can be wrong with it is made so."""

from __future__ import annotations

import json
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.actions import GlobalConcurrencyLimitCreate, WorkPoolCreate
from prefect.settings import PREFECT_API_AUTH_STRING, PREFECT_API_URL, temporary_settings
from prefect.states import Cancelled, Running
from sqlalchemy import text
from typer.testing import CliRunner

from deployments.site import Site
from reelmill.catalogue.engine import get_engine
from reelmill.cli.main import app
from reelmill.dispatch import dispatcher
from reelmill.doctor import queue_findings
from reelmill.doctor.findings import Finding, Severity
from reelmill.doctor.repair import plan
from reelmill.settings import Settings, get_settings
from tests.clips import Notes
from workpools.pools import pools

pytestmark = pytest.mark.site

POOLS = [pool.name for pool in pools()]


@pytest.fixture
def client(on_site: Site) -> Iterator[SyncPrefectClient]:
    with get_client(sync_client=True) as opened:
        yield opened


def _wrong(settings: Settings | None = None, pools: list[str] = POOLS) -> list[Finding]:
    found = queue_findings.check_queue(settings or get_settings(), pools)
    assert all(finding.remedy for finding in found if finding.severity is not Severity.OK)
    return [finding for finding in found if finding.severity is not Severity.OK]


def test_a_site_in_order(on_site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PREFECT_API_URL", on_site.api_url)
    result = CliRunner().invoke(app, ["doctor", "--output", "json"])
    read = json.loads(result.stdout)
    assert (result.exit_code, read["healthy"]) == (0, True), result.stdout
    checks = {found["check"] for found in read["findings"]}
    assert checks >= {
        "server", "server_clock", "workers", "runs", "leases", "database", "database_clock", "schema", "ffmpeg",
        "encoders", "media_root", "disk", "vram", "records", "leftovers", "unfinished_work",
    }  # fmt: skip
    assert {found["severity"] for found in read["findings"]} <= {"ok", "warning"}  # a small disk is a warning
    shown = CliRunner().invoke(app, ["doctor"])
    assert shown.exit_code == 0
    assert "Prefect 3." in shown.stdout
    assert "gpu_encode: " in shown.stdout


def test_a_pool_without_a_worker_and_its_stuck_run(client: SyncPrefectClient, on_site: Site) -> None:
    name = f"nobody-{uuid.uuid4().hex[:8]}"
    client.create_work_pool(WorkPoolCreate(name=name, type="reelmill"))
    deployment = client.create_deployment(
        flow_id=client.create_flow_from_name("work"), name=name, entrypoint="x.work", work_pool_name=name
    )
    run = client.create_flow_run_from_deployment(deployment)
    try:
        (found,) = _wrong(pools=[*POOLS, name, "never-made"])[:-1]
        assert found.sentence == f"No worker of the pool {name} is alive; jobs that wait in it: 1."
        client.set_flow_run_state(run.id, Running(), force=True)
        hasty = Settings(**{**get_settings().model_dump(), "silent_seconds": 0.01})
        time.sleep(0.05)
        stuck, absent = (_wrong(hasty)[-1], _wrong(pools=["never-made"])[0])
        assert (stuck.check, stuck.severity, stuck.names) == ("runs", Severity.FAULT, (run.name,))
        assert stuck.remedy is not None
        assert name in stuck.remedy
        assert (absent.check, absent.severity) == ("pools", Severity.FAULT)
        assert [found for found in _wrong() if found.check == "runs"] == []  # not at the first moment
    finally:
        client.set_flow_run_state(run.id, Cancelled(), force=True)
        client.delete_work_pool(name)


def test_a_drained_pool(on_site: Site) -> None:
    with dispatcher() as prefect:
        prefect.pools.drain("cpu")
        try:
            (found,) = _wrong()
        finally:
            prefect.pools.undrain("cpu")
    assert (found.check, found.severity) == ("pools", Severity.WARNING)
    assert "cpu is paused" in found.sentence
    assert _wrong() == []


def test_a_stale_lease_is_given_back(client: SyncPrefectClient, on_site: Site) -> None:
    name = f"vram-gone-{uuid.uuid4().hex[:8]}"
    client.create_global_concurrency_limit(GlobalConcurrencyLimitCreate(name=name, limit=8000, active=True))
    try:
        result = client.increment_concurrency_slots_with_lease(
            names=[name], slots=3000, mode="concurrency", lease_duration=60
        )
        lease = uuid.UUID(result.json()["lease_id"])
        (found,) = _wrong()
        assert (found.check, found.severity, found.repairable) == ("leases", Severity.WARNING, False)
        assert found.sentence.startswith(f"3000 MB of {name} ")
        # What a server leaves that is killed between its two commits: counted, and no lease to run out.
        client.release_concurrency_slots_with_lease(lease)
        assert _wrong() == []
        with get_engine().begin() as connection:
            changed = {"ago": "2 minutes", "name": name}
            connection.execute(
                text(
                    "UPDATE public.concurrency_limit_v2 SET active_slots = 3000, "
                    "updated = now() - CAST(:ago AS interval) WHERE name = :name"
                ),
                changed,
            )
        (found,) = _wrong()
        assert (found.severity, found.repairable, found.names) == (Severity.FAULT, True, (name,))
        notes = Notes()
        for repair in plan(get_settings(), [found]):
            repair.act(notes)
        assert notes.lines == [f"{name}: 3000 MB given back"]
        assert _wrong() == []
    finally:
        client.delete_global_concurrency_limit_by_name(name)


def test_another_media_root_than_the_sites(on_site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = Settings(**{**get_settings().model_dump(), "media_root": "/elsewhere"})
    (found,) = _wrong(settings)
    assert (found.check, found.severity) == ("settings", Severity.WARNING)
    assert f"export REELMILL_MEDIA_ROOT={get_settings().media_root}" == found.remedy


def test_a_server_that_is_gone(on_site: Site) -> None:
    with temporary_settings({PREFECT_API_URL: "http://127.0.0.1:9/api"}):
        (found,) = _wrong()
    assert (found.check, found.severity) == ("server", Severity.FAULT)
    assert found.remedy is not None
    assert "reelmill up" in found.remedy


def test_a_server_that_does_not_take_our_login(on_site: Site) -> None:
    with temporary_settings({PREFECT_API_AUTH_STRING: "reelmill:guessed"}):
        (found,) = _wrong()
    assert (found.check, found.severity) == ("server", Severity.FAULT)
    assert "asks for a login" in found.sentence


class _Slow(BaseHTTPRequestHandler):
    """Tells the version an hour late."""

    def do_GET(self) -> None:
        self.send_response_only(200)
        self.send_header("Date", formatdate(time.time() - 3600, usegmt=True))
        self.send_header("Content-Length", "7")
        self.end_headers()
        self.wfile.write(b'"3.8.8"')

    def log_message(self, *_: object) -> None:
        """Nothing."""


@contextmanager
def _late() -> Iterator[str]:
    with HTTPServer(("127.0.0.1", 0), _Slow) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/api"
        server.shutdown()
        thread.join()


def test_a_server_whose_clock_is_behind(on_site: Site) -> None:
    with dispatcher() as prefect:
        assert abs(prefect.health.server().ahead) < 2
    with _late() as url, temporary_settings({PREFECT_API_URL: url}), dispatcher() as prefect:
        state = prefect.health.server()
    assert state.version == "3.8.8"
    assert -3602 < state.ahead < -3598
