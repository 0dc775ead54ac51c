"""Who gets into a running site: those who know its login, and no program, page or machine that does not."""

from __future__ import annotations

import asyncio
import json
import os
import socket
import stat
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, cast
from urllib.parse import urlsplit

import distributed
import httpx
import psutil
import pytest
from prefect.client.orchestration import get_client
from prefect.settings import (
    PREFECT_API_AUTH_STRING,
    PREFECT_API_URL,
    PREFECT_PROFILES_PATH,
    load_profiles,
    temporary_settings,
)
from websockets.exceptions import WebSocketException
from websockets.sync.client import connect

from deployments import access
from deployments.member import DASK_PAGES
from deployments.profile import NAME, WrittenProfile, write_profile
from deployments.site import Site
from reelmill.catalogue import site_identity
from reelmill.catalogue.engine import session
from reelmill.dispatch import dispatcher
from reelmill.errors import SiteError, UserError
from reelmill.queue.job import JobStatus
from reelmill.settings import Settings, get_settings
from reelmill.site_discovery import AUTH_VARIABLE, PrefectServer, SiteRecord, running_site
from reelmill.troubles import SiteTrouble
from tests.patience import PATIENCE
from tests.refusals import refused

_WAIT: Any = PATIENCE


def _mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def _password(site: Site) -> str:
    assert site.server.auth_string is not None
    return site.server.auth_string.partition(":")[2]


@pytest.mark.site
def test_whoever_has_no_login_may_ask_for_its_health_only(on_site: Site) -> None:
    api = on_site.api_url
    assert httpx.get(f"{api}/health").json() is True
    for wrong in (None, ("reelmill", "guessed"), ("admin", _password(on_site))):
        for method, path in [("POST", "/work_pools/filter"), ("GET", "/admin/version"), ("GET", "/work_pools/cpu")]:
            answer = httpx.request(method, f"{api}{path}", json={} if method == "POST" else None, auth=wrong)
            assert answer.status_code == 401, (path, wrong)
    login = ("reelmill", _password(on_site))
    assert httpx.post(f"{api}/work_pools/filter", json={}, auth=login).status_code == 200


@pytest.mark.site
def test_a_stranger_cannot_make_a_worker_run_a_shell_step(on_site: Site, tmp_path: Path) -> None:
    mark = tmp_path / "owned"
    step = {"prefect.deployments.steps.run_shell_script": {"script": f"touch {mark}"}}
    with get_client(sync_client=True) as client:
        known = [stanza.id for stanza in client.read_deployments(limit=1)]
    calls = [
        ("/flows/", {"name": "owned"}),
        ("/deployments/", {"name": "owned", "flow_id": str(known[0]), "pull_steps": [step], "work_pool_name": "cpu"}),
        (f"/deployments/{known[0]}/create_flow_run", {"parameters": {}}),
        ("/flow_runs/bulk_set_state", {"flow_runs": {}, "state": {"type": "SCHEDULED"}, "force": True}),
    ]
    assert [httpx.post(f"{on_site.api_url}{path}", json=body).status_code for path, body in calls] == [401] * 4
    assert not mark.exists()


@pytest.mark.site
def test_a_web_page_of_another_origin_is_told_nothing(on_site: Site) -> None:
    asks = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "authorization,content-type"}
    port = urlsplit(on_site.api_url).port
    for path in ("/deployments/", "/flow_runs/filter", "/health"):
        foreign = httpx.options(f"{on_site.api_url}{path}", headers={"Origin": "http://evil.example", **asks})
        assert foreign.status_code == 400
        assert "access-control-allow-origin" not in foreign.headers
    for own in (on_site.ui_url, f"http://localhost:{port}"):
        answer = httpx.options(f"{on_site.api_url}/flow_runs/filter", headers={"Origin": own, **asks})
        assert answer.headers["access-control-allow-origin"] == own
    page = httpx.get(on_site.ui_url, follow_redirects=True)
    assert page.is_success
    assert "<script" in page.text
    shown = httpx.get(f"{on_site.ui_url}/ui-settings").json()
    assert (shown["auth"], shown["csrf_enabled"], shown["api_url"]) == ("BASIC", False, on_site.api_url)


@pytest.mark.site
@pytest.mark.parametrize("path", ["/events/in", "/events/out", "/logs/out", "/work_pools/cpu/workers/connect"])
@pytest.mark.parametrize("protocol", ["prefect", None])
def test_a_web_socket_asks_for_the_login_too(on_site: Site, path: str, protocol: Any) -> None:
    url = f"{on_site.api_url.replace('http', 'ws', 1)}{path}"
    with pytest.raises(WebSocketException):
        _listen(url, protocol)


def _listen(url: str, protocol: Any) -> None:
    with connect(url, subprotocols=protocol and [protocol]) as socket:
        socket.send(json.dumps({"type": "auth", "token": "guessed"}))
        socket.recv(timeout=_WAIT)


@pytest.mark.site
def test_the_login_is_seen_nowhere_but_where_it_is_kept(on_site: Site) -> None:
    secret, folder = _password(on_site), on_site.settings.data_dir
    with dispatcher() as prefect, get_client(sync_client=True) as client:
        job = prefect.jobs.wait([prefect.jobs.submit("public_scan", {}).id])[0]
        assert job.status is JobStatus.COMPLETED
        run = client.request("GET", "/flow_runs/{id}", path_params={"id": job.id}).text
        deployments = client.request("POST", "/deployments/filter", json={}).text
    assert secret not in run + deployments
    for process in [psutil.Process(), *psutil.Process().children(recursive=True)]:
        assert secret not in " ".join(process.cmdline())
    for log in on_site.settings.log_dir.iterdir():
        assert secret not in log.read_text(errors="replace"), log
    assert secret not in repr(on_site.server) + repr(running_site())
    assert _mode(folder / "site.json") == 0o600
    assert _mode(on_site.settings.log_dir) == _mode(on_site.settings.prefect_home) == 0o700
    assert _mode(folder) in (0o700, 0o711)
    record = running_site()
    assert record is not None
    assert record.auth_string == on_site.server.auth_string == access.auth_string()


@pytest.mark.site
def test_the_server_runs_on_uvloop_and_httptools(on_site: Site) -> None:
    (server,) = [child for child in psutil.Process().children() if {"server", "start"} <= set(child.cmdline())]
    loaded = {Path(mapped.path).parent.name for mapped in server.memory_maps()}
    assert {"uvloop", "parser"} <= loaded


@pytest.mark.site
def test_a_wrong_login_is_told_in_a_sentence(on_site: Site) -> None:
    told = pytest.raises(UserError, match="asks for a login: set PREFECT_API_AUTH_STRING to what `reelmill login`")
    with temporary_settings({PREFECT_API_AUTH_STRING: "reelmill:guessed"}), told, dispatcher() as prefect:
        prefect.nodes.all()


def test_a_site_has_one_login_for_ever_unless_told_another(catalogue: str, monkeypatch: pytest.MonkeyPatch) -> None:
    first = access.settle_auth_string(get_settings())
    assert first is not None
    assert first.startswith("reelmill:")
    assert len(first) > 40
    assert access.settle_auth_string(get_settings()) == access.auth_string() == first
    for name in (AUTH_VARIABLE, access.SERVER_AUTH_VARIABLE):
        monkeypatch.setenv(name, "me:mine")
        assert access.settle_auth_string(get_settings()) == access.auth_string() == "me:mine"
    monkeypatch.setenv(AUTH_VARIABLE, "me:another")
    with refused(SiteError, trouble=SiteTrouble.LOGIN, about=AUTH_VARIABLE):
        access.settle_auth_string(get_settings())
    monkeypatch.delenv(AUTH_VARIABLE)
    monkeypatch.delenv(access.SERVER_AUTH_VARIABLE)
    assert access.settle_auth_string(get_settings()) == "me:mine"
    assert access.settle_auth_string(Settings(login="off")) is None
    assert access.auth_string() is None


@pytest.mark.parametrize("listen", ["10.1.2.3", "0.0.0.0", "::", "a-name"])
def test_a_site_without_a_login_is_for_one_machine(tmp_path: Path, listen: str) -> None:
    settings = Settings(data_dir=tmp_path / "data", login="off", listen=listen)
    with refused(SiteError, trouble=SiteTrouble.LOGIN, about=listen):
        Site(settings).__enter__()
    assert not (tmp_path / "data").exists()
    for own in (None, "127.0.0.1", "::1", "localhost"):
        access.refuse_open_site(Settings(login="off", listen=own))


def test_a_site_listens_on_an_address_of_its_node() -> None:
    for own in (None, "127.0.0.1", "localhost"):
        access.require_own_address(Settings(listen=own))
    for other in ("192.0.2.1", "no such name"):
        with pytest.raises(SiteError) as refused:
            access.require_own_address(Settings(listen=other))
        assert other in str(refused.value)


@pytest.fixture
def profiles(tmp_path: Path) -> Iterator[Path]:
    """A home without a profile of ours; the file that has them."""
    path = tmp_path / "home" / "profiles.toml"
    with temporary_settings({PREFECT_PROFILES_PATH: path}):
        yield path


def test_the_profile_is_for_its_account_alone(profiles: Path, tmp_path: Path) -> None:
    write_profile(PrefectServer(api_url="http://127.0.0.1:1/api", auth_string="me:mine"), tmp_path)
    assert _mode(profiles) == 0o600
    assert load_profiles()[NAME].settings[PREFECT_API_AUTH_STRING] == "me:mine"
    profiles.chmod(0o644)
    write_profile(PrefectServer(api_url="http://127.0.0.1:1/api"), tmp_path)
    assert _mode(profiles) == 0o600
    assert PREFECT_API_AUTH_STRING not in load_profiles()[NAME].settings


def _urls() -> dict[str, str]:
    found = {name: profile.settings for name, profile in load_profiles().items() if name.startswith(NAME)}
    return {name: str(settings[PREFECT_API_URL]) for name, settings in found.items()}


def test_each_site_of_a_home_has_a_profile_of_its_own(profiles: Path, tmp_path: Path) -> None:
    """Where they had one together, a terminal handed its jobs to whichever site came up last, with that one's login."""
    sites = {name: tmp_path / name for name in ("films", "shows", "home")}
    for folder in sites.values():
        folder.mkdir()

    def write(site: str, port: int) -> WrittenProfile:
        server = PrefectServer(api_url=f"http://127.0.0.1:{port}/api", auth_string=f"me:{site}")
        return write_profile(server, sites[site])

    assert write("films", 1) == WrittenProfile(NAME, active=True)
    assert write("shows", 2) == WrittenProfile(f"{NAME}-2", active=False)
    # They keep them whoever comes up first after a stop, on whichever port.
    assert write("shows", 1).name == f"{NAME}-2"
    assert write("films", 2) == WrittenProfile(NAME, active=True)
    assert _urls() == {NAME: "http://127.0.0.1:2/api", f"{NAME}-2": "http://127.0.0.1:1/api"}
    assert load_profiles()[f"{NAME}-2"].settings[PREFECT_API_AUTH_STRING] == "me:shows"
    # That of a site that somebody has removed is free again.
    sites["films"].rmdir()
    assert write("home", 3) == WrittenProfile(NAME, active=True)


def test_a_profile_of_an_older_version_is_its_own_sites(profiles: Path, tmp_path: Path) -> None:
    """It is known by its login; another site takes it over where nothing serves it any more."""
    with socket.create_server(("127.0.0.1", 0)) as served:
        url = f"http://127.0.0.1:{served.getsockname()[1]}/api"
        write_profile(PrefectServer(api_url=url, auth_string="me:old"), tmp_path)
        (profiles.parent / "reelmill-sites.json").unlink()  # as it left them
        other = PrefectServer(api_url="http://127.0.0.1:1/api", auth_string="me:other")
        assert write_profile(other, tmp_path / "a").name == f"{NAME}-2"
        moved = PrefectServer(api_url="http://127.0.0.1:2/api", auth_string="me:old")
        assert write_profile(moved, tmp_path / "b").name == NAME
    (profiles.parent / "reelmill-sites.json").unlink()
    assert write_profile(other, tmp_path / "c").name == NAME


@contextmanager
def _dask(environment: dict[str, str], *arguments: str) -> Iterator[psutil.Process]:
    command = [sys.executable, "-m", "dask", *arguments, *DASK_PAGES, "--host", "127.0.0.1"]
    process = subprocess.Popen(command, env={**os.environ, **environment}, stderr=subprocess.DEVNULL)
    try:
        yield psutil.Process(process.pid)
    finally:
        process.terminate()
        process.wait(PATIENCE)


def _listens_at(process: psutil.Process) -> set[str]:
    return {one.laddr.ip for one in process.net_connections("tcp") if one.status == psutil.CONN_LISTEN}


def _security(path: Path | None) -> Any:
    if path is None:
        return None
    security: Any = distributed.Security
    return security(tls_ca_file=str(path), tls_client_cert=str(path), require_encryption=True)


def test_the_dask_cluster_takes_work_from_its_own_machines_alone(catalogue: str, tmp_path: Path) -> None:
    keys = access.settle_dask_keys()
    assert access.settle_dask_keys() == access.dask_keys() == keys
    environment = access.dask_environment(keys, tmp_path)
    assert _mode(tmp_path / "dask.pem") == 0o600
    stranger = tmp_path / "stranger"
    stranger.mkdir()
    with session() as opened:
        site_identity.site(opened).dask_keys = None
    access.dask_environment(access.settle_dask_keys(), stranger)  # of another site
    told = tmp_path / "scheduler.json"
    scheduler = ("scheduler", "--port", "0", "--scheduler-file", str(told))
    with ExitStack() as stack:
        programs = [
            stack.enter_context(_dask(environment, *program))
            for program in (scheduler, ("worker", "--scheduler-file", str(told), "--nthreads", "1", "--no-nanny"))
        ]
        with _client(told, tmp_path / "dask.pem") as client:
            address = client.scheduler.address
            assert address.startswith("tls://")
            assert client.submit(sum, [1, 2, 3]).result(timeout=_WAIT) == 6
            (worker,) = client.scheduler_info()["workers"]
            assert worker.startswith("tls://")
        assert [_listens_at(program) for program in programs] == [{"127.0.0.1"}, {"127.0.0.1"}]
        asyncio.run(_greet(address, tmp_path / "dask.pem"))
        for key in (None, stranger / "dask.pem"):
            for at in (address, address.replace("tls://", "tcp://")):
                with pytest.raises((OSError, ValueError, RuntimeError, TypeError)):
                    asyncio.run(_greet(at, key))


async def _greet(address: str, key: Path | None) -> None:
    """Get as far as every part of a cluster does before it is heard; a whole client that fails is never quite gone."""
    connect_to, security_of = cast(Any, distributed).comm.connect, cast(Any, distributed).Security
    security = _security(key) or security_of()
    comm = await connect_to(address, timeout=5, **security.get_connection_args("client"))
    comm.abort()


@contextmanager
def _client(told: Path, key: Path) -> Iterator[Any]:
    connect_to: Any = distributed.Client
    with connect_to(scheduler_file=str(told), security=_security(key), timeout=_WAIT) as client:
        client.wait_for_workers(1, timeout=_WAIT)
        yield client


def test_a_site_that_was_killed_tells_its_login_to_nobody(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever listens at its address by then would be sent it."""
    monkeypatch.setenv("REELMILL_DATA_DIR", str(tmp_path))
    get_settings.cache_clear()
    with subprocess.Popen(["true"]) as gone:
        gone.wait()
    with ThreadingHTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler) as stranger:
        url = f"http://127.0.0.1:{stranger.server_port}/api"
        for pid, found in ((gone.pid, False), (os.getpid(), True)):
            record = SiteRecord(
                api_url=url, auth_string="me:mine", pid=pid, media_root=str(tmp_path), database_url=None
            )
            record.write(tmp_path / "site.json")
            assert (running_site() is not None) is found
