"""A node that joins: through a proxy with TLS, and with credentials that are wrong."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import httpx
import pytest
from prefect.client.orchestration import get_client
from prefect.exceptions import ObjectNotFound
from prefect.settings import PREFECT_API_URL, temporary_settings

from deployments import member
from deployments.member import WORKER_ENVIRONMENT, Member, member_environment, prefect_worker
from deployments.processes import Child
from deployments.site import Site
from reelmill.catalogue.engine import database_url
from reelmill.dispatch import dispatcher
from reelmill.errors import PlatformError, SiteError
from reelmill.operations.ownership import require_ours
from reelmill.queue.worker_facts import variable_name
from reelmill.settings import get_settings
from reelmill.site_discovery import AUTH_VARIABLE, PrefectServer
from reelmill.storage.media_root import MediaRoot
from tests.patience import until
from tests.tls_proxy import Proxy, tls_proxy
from workpools.pools import pools


@pytest.fixture
def proxy(on_site: Site, tmp_path: Path) -> Iterator[Proxy]:
    with tls_proxy(on_site.api_url, tmp_path) as opened:
        yield opened


def _jobs(on_site: Site, proxy: Proxy, **settings: str) -> subprocess.CompletedProcess[str]:
    """``reelmill jobs list`` of somebody who knows the proxy's address alone."""
    assert on_site.server.auth_string is not None
    env = {name: value for name, value in os.environ.items() if not name.startswith("PREFECT_")}
    env |= {"PREFECT_API_URL": proxy.url, AUTH_VARIABLE: on_site.server.auth_string, **settings}
    command = [sys.executable, "-m", "reelmill.cli.main", "jobs", "list", "--output", "json"]
    return subprocess.run(command, env=env, capture_output=True, text=True, check=False)


@pytest.mark.site
def test_commands_reach_the_site_through_a_proxy_whose_authority_they_are_given(on_site: Site, proxy: Proxy) -> None:
    trusting = _jobs(on_site, proxy, PREFECT_API_SSL_CERT_FILE=str(proxy.ca_file))
    assert trusting.returncode == 0, trusting.stderr
    assert "jobs" in json.loads(trusting.stdout)
    wary = {PREFECT_API_URL: proxy.url}
    with temporary_settings(wary), dispatcher() as prefect, pytest.raises(PlatformError, match="API_SSL_CERT_FILE"):
        prefect.pools.all()


@pytest.mark.site
def test_a_worker_joins_through_a_proxy_whose_authority_it_is_given_and_serves_its_metrics(
    on_site: Site, proxy: Proxy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PREFECT_API_SSL_CERT_FILE", str(proxy.ca_file))
    database = database_url(on_site.settings).replace("+psycopg", "")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        metrics_port = free.getsockname()[1]
    for name, value in {
        "REELMILL_NODE_NAME": "behind-tls",
        "REELMILL_DATA_DIR": str(tmp_path),
        "REELMILL_DATABASE_URL": database,
        "REELMILL_METRICS_PORT": str(metrics_port - [each.name for each in pools()].index("gpu_ai")),
    }.items():
        monkeypatch.setenv(name, value)
    get_settings.cache_clear()
    server = PrefectServer(api_url=proxy.url, auth_string=on_site.server.auth_string)
    member.require_login(server)
    (pool,) = [each for each in pools() if each.name == "gpu_ai"]
    env = member_environment(server) | WORKER_ENVIRONMENT
    worker = Child.start("worker", prefect_worker(get_settings(), pool), env, tmp_path)
    try:
        until(lambda: _online(worker), lambda: worker.log.read_text()[-2000:])
        metrics = until(lambda: _metrics(metrics_port), lambda: worker.log.read_text()[-2000:]).splitlines()
        assert 'media_worker_active_jobs{node="behind-tls"} 0.0' in metrics
        assert any(line.startswith('media_node_cpu_seconds_total{mode="busy",node="behind-tls"}') for line in metrics)
    finally:
        worker.request_end()
        worker.end(30)
        _forget("behind-tls-gpu_ai")
    assert "CERTIFICATE_VERIFY_FAILED" not in worker.log.read_text()


def _online(worker: Child) -> bool:
    worker.check()
    with dispatcher() as prefect:
        return any(node.name == "behind-tls" and node.workers[0].online for node in prefect.nodes.all())


def _metrics(port: int) -> str:
    """What a worker serves there; nothing while it does not."""
    try:
        return httpx.get(f"http://127.0.0.1:{port}/metrics").text
    except httpx.ConnectError:
        return ""


def _forget(worker: str) -> None:
    with get_client(sync_client=True) as client:
        with suppress(ObjectNotFound):  # one that has ended well removed it itself
            client.delete_variable_by_name(variable_name(worker))
        client.request("DELETE", f"/work_pools/gpu_ai/workers/{worker}")  # type: ignore[arg-type]


@pytest.mark.site
def test_a_database_of_another_site_is_named_before_anything_is_started(
    on_site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REELMILL_DATABASE_URL", database_url(on_site.settings).replace("+psycopg", ""))
    get_settings.cache_clear()
    require_ours(MediaRoot(on_site.settings.media_root))
    monkeypatch.setattr(member, "auth_string", lambda: "reelmill:of-another-site")
    joining = Member(on_site.api_url, on_site.api_url, lambda _: None)
    with pytest.raises(SiteError, match="REELMILL_DATABASE_URL") as refused:
        joining.__enter__()
    assert "of-another-site" not in str(refused.value)
    assert joining._children == []


def test_a_database_that_does_not_open_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = MediaRoot(tmp_path / "media")
    root.create()
    with socket.create_server(("127.0.0.1", 0)) as there, socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{there.getsockname()[1]}/api"
        address = f"127.0.0.1:{closed.getsockname()[1]}"
        monkeypatch.setenv("REELMILL_DATABASE_URL", f"postgresql://reelmill:hunter2@{address}/reelmill")
        get_settings.cache_clear()
        with pytest.raises(SiteError, match="REELMILL_DATABASE_URL") as refused:
            Member(url, url, lambda _: None).__enter__()
    assert "hunter2" not in str(refused.value)


def test_a_process_of_a_node_that_joins_has_the_sites_settings_and_those_of_its_trust_alone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("PREFECT_API_KEY", "of some other server")
    monkeypatch.setenv("PREFECT_API_SSL_CERT_FILE", "/etc/ssl/ours.pem")
    server = PrefectServer(api_url="https://site/api", auth_string="reelmill:secret")
    found = {name: value for name, value in member_environment(server).items() if name.startswith("PREFECT_")}
    assert found == {**server.environment, "PREFECT_API_SSL_CERT_FILE": "/etc/ssl/ours.pem"}
