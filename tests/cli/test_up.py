"""``reelmill up`` as a person types it: comes up, refuses a second, ends on Ctrl-C, keeps its data, survives a kill."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest
from sqlmodel import select

from reelmill.catalogue.embedded import EmbeddedPostgres
from reelmill.catalogue.engine import embedded, get_engine, session
from reelmill.catalogue.models import Video
from reelmill.settings import get_settings
from reelmill.site import answers
from tests.clips import clip

pytestmark = [pytest.mark.site, pytest.mark.timeout(400)]

REELMILL = str(Path(sys.executable).parent / "reelmill")


class Up:
    """One ``reelmill up``, with what it has said so far."""

    def __init__(self, env: dict[str, str], log: Path):
        self.log = log
        with log.open("wb") as out:
            self.process = subprocess.Popen(
                [REELMILL, "up"], env=env, stdin=subprocess.DEVNULL, stdout=out, stderr=out, start_new_session=True
            )

    def ready(self) -> str:
        """Wait until it is up; answers with the URL of Prefect's UI."""
        deadline = time.monotonic() + 120
        while "Ctrl-C ends it" not in self.said():
            assert self.process.poll() is None, self.said()
            assert time.monotonic() < deadline, self.said()
            time.sleep(0.2)
        found = re.search(r"Prefect UI\s+(\S+)", self.said())
        assert found is not None
        return found[1]

    def until(self, pattern: str) -> None:
        """Wait until it has said this."""
        deadline = time.monotonic() + 60
        while not re.search(pattern, self.said()):
            assert time.monotonic() < deadline, self.said()
            time.sleep(0.2)

    def said(self) -> str:
        return self.log.read_text()


@contextmanager
def _family(process: subprocess.Popen[bytes]) -> Iterator[set[psutil.Process]]:
    yield set(psutil.Process(process.pid).children(recursive=True))


@pytest.fixture
def env(open_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, str]]:
    """A machine of its own: data folder, media root, home."""
    folder = open_folder / "up"
    for name, value in {
        "REELMILL_DATA_DIR": str(folder / "data"),
        "REELMILL_MEDIA_ROOT": str(folder / "media"),
        "REELMILL_PREFECT_PORT": "4400",
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
    return subprocess.run(arguments, env=env, capture_output=True, text=True, check=False, timeout=120)


@pytest.fixture
def start(env: dict[str, str], tmp_path: Path) -> Iterator[Callable[[], Up]]:
    """Starts one more ``reelmill up``; none of them outlives the test."""
    started: list[Up] = []

    def one_more() -> Up:
        started.append(Up(env, tmp_path / f"up-{len(started)}.log"))
        return started[-1]

    yield one_more
    for up in started:
        if up.process.poll() is None:
            os.killpg(up.process.pid, signal.SIGTERM)
            up.process.wait(60)


def test_sites_that_come_up_at_once_do_not_share_a_server(env: dict[str, str], tmp_path: Path) -> None:
    other = {**env, "REELMILL_DATA_DIR": f"{env['REELMILL_DATA_DIR']}-other"}
    both = [Up(env, tmp_path / "one.log"), Up(other, tmp_path / "other.log")]
    try:
        urls = [up.ready() for up in both]
        assert len(set(urls)) == 2
        for up, url in zip(both, urls, strict=True):
            (server,) = _part(up.process.pid, "server start")
            assert url.endswith(f":{server.net_connections(kind='tcp')[0].laddr.port}")
    finally:
        for up in both:
            os.killpg(up.process.pid, signal.SIGTERM)
        for up in both:
            up.process.wait(60)


def test_a_site_lives_a_life(env: dict[str, str], start: Callable[[], Up]) -> None:
    first = start()
    url = first.ready()
    second = _run(env, REELMILL, "up")
    assert second.returncode == 1
    assert re.search(r"already up on .*up/data \(process \d+\)", second.stderr)

    # Its parts are looked after: killed, they are there again.
    for process in [*_part(first.process.pid, "server start"), *_part(first.process.pid, "--pool cpu")]:
        process.kill()
    _postgres(Path(env["REELMILL_DATA_DIR"]))[0].kill()
    for part in ("server", "worker-cpu", "the database"):
        first.until(rf"{part} .*started again")
    deadline = time.monotonic() + 60
    while not answers(url):
        assert time.monotonic() < deadline, first.said()
        time.sleep(0.2)

    # The profile that `up` wrote is how Prefect's own command line finds the site, from any terminal.
    folder = Path(env["REELMILL_MEDIA_ROOT"]) / "library" / "videos"
    folder.mkdir(parents=True)
    os.utime(clip(folder / "a.mp4"), (1e9, 1e9))
    prefect = str(Path(sys.executable).parent / "prefect")
    ran = _run(env, prefect, "deployment", "run", "scan/cpu", "-p", "directory_type=videos", "--watch")
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert _paths() == ["library/videos/a.mp4"]

    with _family(first.process) as family:
        os.killpg(first.process.pid, signal.SIGINT)
        assert first.process.wait(60) == 0, first.said()
    assert not [process for process in family if process.is_running() and process.status() != psutil.STATUS_ZOMBIE]

    again = start()
    assert again.ready() == url
    with _family(again.process) as family:
        everything = [*family, psutil.Process(again.process.pid), *_postgres(Path(env["REELMILL_DATA_DIR"]))]
        for process in everything:
            process.kill()
        again.process.wait(10)
        psutil.wait_procs(everything, timeout=10)
    get_engine().dispose()

    third = start()
    third.ready()
    assert _paths() == ["library/videos/a.mp4"]
    listed = _run(env, prefect, "flow-run", "ls", "--flow-name", "scan")
    assert "COMPLETED" in listed.stdout, listed.stdout
    get_engine().dispose()
    os.killpg(third.process.pid, signal.SIGTERM)
    assert third.process.wait(60) == 0, third.said()

    shutil.rmtree(env["REELMILL_MEDIA_ROOT"])  # as if the library were not mounted
    refused = _run(env, REELMILL, "up")
    assert refused.returncode == 1
    assert "is empty, and the catalogue knows 1 videos in it; mount it first." in refused.stderr


def _part(up: int, words: str) -> list[psutil.Process]:
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
    answer = _run({**env, "REELMILL_DATA_DIR": str(closed / "data")}, REELMILL, "up")
    assert answer.returncode == 1
    assert "may not enter" in answer.stderr
    assert EmbeddedPostgres(closed / "data" / "postgres").running() is False
