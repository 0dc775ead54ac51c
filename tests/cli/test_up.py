"""``reelmill up`` as a person types it: comes up, refuses a second, ends on Ctrl-C, keeps its data, survives a kill."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

import httpx
import psutil
import pytest
from sqlmodel import select
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect
from websockets.typing import Origin

from deployments.ports import free_ports
from reelmill.catalogue.embedded import EmbeddedPostgres
from reelmill.catalogue.engine import embedded, get_engine, session
from reelmill.catalogue.models import Video
from reelmill.settings import get_settings
from tests.clips import clip
from tests.patience import PATIENCE, until

pytestmark = pytest.mark.site

REELMILL = str(Path(sys.executable).parent / "reelmill")

#: The ports of these sites are looked for from here on: tests that run beside these look elsewhere.
_FIRST_PORT: Final = 4600 + os.getpid() % 40 * 20

_ASK = """
import flows
from reelmill.dispatch import dispatcher
with dispatcher() as prefect:
    print([pool.name for pool in prefect.pools.all()])
"""


class Up:
    """One ``reelmill up``, with what it has said so far."""

    def __init__(self, env: dict[str, str], log: Path):
        self.log = log
        with log.open("wb") as out:
            self.process = subprocess.Popen(
                [REELMILL, "up"], env=env, stdin=subprocess.DEVNULL, stdout=out, stderr=out, start_new_session=True
            )

    def ready(self) -> str:
        """Wait until it is up; the URL of Prefect's UI."""
        until(lambda: "Ctrl-C ends it" in self.said() or self.process.poll() is not None, self.said)
        assert self.process.poll() is None, self.said()
        found = re.search(r"Prefect UI\s+(\S+)", self.said())
        assert found is not None
        return found[1]

    def until(self, pattern: str) -> None:
        """Wait until it has said this."""
        until(lambda: re.search(pattern, self.said()), self.said)

    def end(self, by: int = signal.SIGTERM) -> int:
        """As Ctrl-C or a service manager does; its exit status."""
        os.killpg(self.process.pid, by)
        return self.process.wait(PATIENCE)

    def said(self) -> str:
        return self.log.read_text()

    def rest_url(self) -> str:
        """Where it prints that its REST API is."""
        found = re.search(r"REST API\s+(\S+)", self.said())
        assert found is not None
        return found[1]

    def exported(self, name: str) -> str:
        """What it prints to export."""
        found = re.search(rf"export {name}=(\S+)", self.said())
        assert found is not None
        return found[1]


def _family(process: subprocess.Popen[bytes]) -> list[psutil.Process]:
    parent = psutil.Process(process.pid)
    return [parent, *parent.children(recursive=True)]


@pytest.fixture
def env(open_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, str]]:
    """A node of its own: data folder, media root, home."""
    folder = open_folder / "up"
    port = next(free_ports("127.0.0.1", _FIRST_PORT))
    for name, value in {
        "REELMILL_DATA_DIR": str(folder / "data"),
        "REELMILL_MEDIA_ROOT": str(folder / "media"),
        "REELMILL_PREFECT_PORT": str(port),
        "REELMILL_API": "on",
        "REELMILL_API_PORT": str(port + 10),
        "HOME": str(tmp_path / "home"),
        "COLUMNS": "200",
    }.items():
        monkeypatch.setenv(name, value)
    get_settings.cache_clear()
    yield {name: value for name, value in os.environ.items() if not name.startswith("PREFECT_")}
    embedded(get_settings().postgres_dir).release()


def _paths() -> list[str]:
    with session() as opened:
        return [video.path for video in opened.exec(select(Video))]


def _run(env: dict[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(arguments, env=env, capture_output=True, text=True, check=False)


@pytest.fixture
def start(env: dict[str, str], tmp_path: Path) -> Iterator[Callable[..., Up]]:
    """Starts one more ``reelmill up``, with other variables where given; none of them outlives the test."""
    started: list[Up] = []

    def one_more(**others: str) -> Up:
        started.append(Up({**env, **others}, tmp_path / f"up-{len(started)}.log"))
        return started[-1]

    yield one_more
    for up in started:
        if up.process.poll() is None:
            up.end()


def _two_at_once(env: dict[str, str], start: Callable[..., Up]) -> Up:
    """Two sites that come up at once do not share a server; one of them asks for no login, and is ended."""
    # A home of its own, too: the Prefect profile names whichever site of a home came up last.
    others = {name: f"{env[name]}-other" for name in ("REELMILL_DATA_DIR", "REELMILL_MEDIA_ROOT", "HOME")}
    both = [start(), start(**others, REELMILL_LOGIN="off")]
    urls = [up.ready() for up in both]
    assert len(set(urls)) == 2
    for up, url in zip(both, urls, strict=True):
        (server,) = _processes(up.process.pid, f"--port {url.rpartition(':')[2]}")
        assert url.endswith(f":{server.net_connections(kind='tcp')[0].laddr.port}")
    stays, other = both
    _closed_to_web_pages(other)
    session_url = f"{other.rest_url()}/api/media/session"
    assert httpx.get(session_url).json()["role"] == "SUPER_ADMIN"
    for foreign in ({"Origin": "http://evil.example"}, {"Host": "evil.example"}):
        assert httpx.get(session_url, headers=foreign).status_code == 403
    assert other.end() == 0, other.said()
    return stays


def _closed_to_web_pages(up: Up) -> None:
    """A site that asks for no login: programs of this node get in, what a browser sends for a page does not."""
    assert "login       off" in up.said()
    api = up.exported("PREFECT_API_URL")
    evil = {"Origin": "http://evil.example"}
    simple = {**evil, "Content-Type": "text/plain"}  # what a page may send without being allowed to
    assert httpx.post(f"{api}/flows/", content='{"name": "owned"}', headers=simple).status_code == 403
    asks = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "prefect-csrf-token"}
    for result in (
        httpx.options(f"{api}/flows/", headers={**evil, **asks}),
        httpx.get(f"{api}/csrf-token", params={"client": "page"}, headers=evil),
    ):
        assert result.status_code == 403
        assert "access-control-allow-origin" not in result.headers
    assert (
        httpx.get(f"{api}/csrf-token", params={"client": "page"}, headers={"Host": "evil.example"}).status_code == 403
    )
    with (
        pytest.raises(InvalidStatus),
        connect(f"{api.replace('http', 'ws', 1)}/events/in", origin=Origin(evil["Origin"])),
    ):
        pass
    # A program of this node needs a token, too, and may have it.
    assert httpx.post(f"{api}/flows/filter", json={}).status_code == 403
    token = httpx.get(f"{api}/csrf-token", params={"client": "ours"}).json()["token"]
    ours = {"Prefect-Csrf-Token": token, "Prefect-Csrf-Client": "ours"}
    assert httpx.post(f"{api}/flows/filter", json={}, headers=ours).status_code == 200


def test_a_site_lives_a_life(env: dict[str, str], start: Callable[..., Up], tmp_path: Path) -> None:
    first = _two_at_once(env, start)
    url = first.ready()  # whichever of the two ports it got
    second = _run(env, REELMILL, "up")
    assert second.returncode == 1
    assert re.search(r"already up on .*up/data \(process \d+\)", second.stderr)
    login = _run(env, REELMILL, "login").stdout.strip()
    assert httpx.post(f"{first.exported('PREFECT_API_URL')}/flows/filter", json={}).status_code == 401
    result = httpx.post(
        f"{first.exported('PREFECT_API_URL')}/flows/filter", json={}, auth=httpx.BasicAuth(*login.split(":"))
    )
    assert result.status_code == 200

    rest_url, headers = first.rest_url(), _token(env)
    assert httpx.get(f"{rest_url}/readyz").json() == {"ready": True, "missing": []}
    assert httpx.get(f"{rest_url}/api/media/nodes").status_code == 401
    assert httpx.get(f"{rest_url}/api/media/nodes", headers=headers).json()["data"][0]["status"] != "offline"

    # Its parts are looked after: killed, they are there again, the database before what would end without it.
    looked_after = ("server start", "--pool cpu", "reelmill.pages.asgi")
    parts = [each for words in looked_after for each in _processes(first.process.pid, words)]
    for process in (_postgres(Path(env["REELMILL_DATA_DIR"]))[0], *parts):
        process.kill()
    for name in ("the database", "server", "worker-cpu", "api"):
        first.until(rf"{name} .*started again")
    until(lambda: _serves(f"{url}/api/health"), first.said)
    assert re.findall("server ended with code .*", first.said()) == ["server ended with code -9; started again"], (
        first.said()
    )
    until(lambda: _serves(f"{rest_url}/readyz"), first.said)
    job = {"type": "scan", "params": {"directoryType": "inbox"}}
    assert httpx.post(f"{rest_url}/api/media/jobs", json=job).status_code == 401
    made = httpx.post(f"{rest_url}/api/media/jobs", json=job, headers=headers, timeout=PATIENCE)
    assert (made.status_code, made.json()["type"]) == (201, "scan"), made.text

    # The profile that `up` wrote is how Prefect's own command line finds the site, from any terminal.
    folder = Path(env["REELMILL_MEDIA_ROOT"]) / "library" / "videos"
    folder.mkdir(parents=True)
    os.utime(clip(folder / "a.mp4"), (1e9, 1e9))
    prefect = str(Path(sys.executable).parent / "prefect")
    ran = _run(env, prefect, "deployment", "run", "scan/scan", "-p", "directory_type=videos", "--watch")
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert _paths() == ["library/videos/a.mp4"]
    profiles = Path(env["HOME"]) / ".prefect" / "profiles.toml"
    assert login in profiles.read_text()
    assert profiles.stat().st_mode & 0o777 == 0o600
    # Found by itself, by whoever may read the site's record: a script that has the address alone.
    found = _run({**env, "PREFECT_API_URL": first.exported("PREFECT_API_URL")}, sys.executable, "-c", _ASK)
    assert "cpu" in found.stdout, found.stderr

    everything = [*_family(first.process), *_postgres(Path(env["REELMILL_DATA_DIR"]))]
    for process in everything:
        assert login.partition(":")[2] not in " ".join(process.cmdline())
    for process in everything:
        process.kill()  # as a power cut does
    first.process.wait(PATIENCE)
    psutil.wait_procs(everything, timeout=PATIENCE)
    get_engine().dispose()

    again = start(REELMILL_API="off")
    assert again.ready().endswith(f":{env['REELMILL_PREFECT_PORT']}")  # free again
    assert "REST API" not in again.said()
    assert _run(env, REELMILL, "login").stdout.strip() == login, "a site keeps its login"
    for log in [*tmp_path.glob("*.log"), *(Path(env["REELMILL_DATA_DIR"]) / "logs").iterdir()]:
        assert login.partition(":")[2] not in log.read_text(errors="replace"), log
    assert _paths() == ["library/videos/a.mp4"]
    listed = _run(env, prefect, "flow-run", "ls", "--flow-name", "scan")
    assert "COMPLETED" in listed.stdout, listed.stdout
    get_engine().dispose()
    family = _family(again.process)
    assert again.end(signal.SIGINT) == 0, again.said()
    assert not [process for process in family if process.is_running() and process.status() != psutil.STATUS_ZOMBIE]
    assert _paths() == ["library/videos/a.mp4"], "a site that was ended keeps its data"
    get_engine().dispose()

    shutil.rmtree(env["REELMILL_MEDIA_ROOT"])  # as if the library were not mounted
    refused = _run(env, REELMILL, "up")
    assert refused.returncode == 1
    assert "is empty, and the catalogue knows 1 videos in it; mount it first." in refused.stderr


def _token(env: dict[str, str]) -> dict[str, str]:
    """The headers of somebody who may do everything."""
    made = _run(env, REELMILL, "token", "create", "tester", "--role", "SUPER_ADMIN", "--output", "json")
    assert made.returncode == 0, made.stderr
    return {"Authorization": f"Bearer {json.loads(made.stdout)['token']}"}


def _serves(url: str) -> bool:
    try:
        return httpx.get(url, timeout=PATIENCE).is_success
    except httpx.TransportError:
        return False


def _processes(up: int, words: str) -> list[psutil.Process]:
    return [child for child in psutil.Process(up).children() if words in " ".join(child.cmdline())]


def _postgres(data_dir: Path) -> list[psutil.Process]:
    """The server's processes; not our children, since ``pg_ctl`` lets it go."""
    pid = int((data_dir / "postgres" / "data" / "postmaster.pid").read_text().split()[0])
    server = psutil.Process(pid)
    return [server, *server.children(recursive=True)]


def test_a_closed_data_folder_is_named(env: dict[str, str], tmp_path: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root runs PostgreSQL as somebody else")
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    result = _run({**env, "REELMILL_DATA_DIR": str(closed / "data")}, REELMILL, "up")
    assert result.returncode == 1
    assert "may not enter" in result.stderr
    assert EmbeddedPostgres(closed / "data" / "postgres").running() is False
