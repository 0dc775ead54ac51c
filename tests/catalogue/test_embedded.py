"""The embedded PostgreSQL as its users meet it: separate processes on one folder."""

from __future__ import annotations

import hashlib
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.exc import OperationalError

from reelmill.catalogue.buffers import shared_buffers
from reelmill.catalogue.embedded import EmbeddedPostgres
from reelmill.errors import SiteError
from reelmill.hardware.memory import usable_memory
from reelmill.troubles import SiteTrouble
from tests.patience import PATIENCE
from tests.refusals import refused

_USER = """
import sys
from pathlib import Path
from sqlalchemy import create_engine, text
from reelmill.catalogue.embedded import EmbeddedPostgres
server = EmbeddedPostgres(Path(sys.argv[1]))
server.acquire()
with create_engine(server.url()).connect() as connection:
    print(connection.execute(text("SELECT pg_postmaster_start_time()::text")).scalar_one(), flush=True)
sys.stdin.readline()
"""


#: As process 1 of a container without an init: it inherits the server, whose parent, pg_ctl, has ended.
_PROCESS_1 = """
import ctypes, os, signal, sys, time
from pathlib import Path
from reelmill.catalogue.embedded import EmbeddedPostgres
PR_SET_CHILD_SUBREAPER = 36
assert ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) == 0
server = EmbeddedPostgres(Path(sys.argv[1]))
server.acquire()
pid = int((server.data / "postmaster.pid").read_text().split()[0])
stat = Path(f"/proc/{pid}/stat")
os.kill(pid, signal.SIGKILL)
while stat.read_text().rpartition(")")[2].split()[:2] != ["Z", str(os.getpid())]:
    time.sleep(0.01)
print(server.running(), server.keep_up(), server.running(), server.keep_up(), stat.exists())
server.release()
print(server.running())
"""


def _query(server: EmbeddedPostgres, statement: str) -> object:
    engine = create_engine(server.url())
    try:
        with engine.begin() as connection:
            result = connection.execute(text(statement))
            return result.scalar_one() if result.returns_rows else None
    finally:
        engine.dispose()


def _postmaster(server: EmbeddedPostgres) -> psutil.Process:
    return psutil.Process(int((server.data / "postmaster.pid").read_text().splitlines()[0]))


def _user(server: EmbeddedPostgres) -> subprocess.Popen[str]:
    """Another process that uses the server until it is told to leave."""
    return subprocess.Popen(
        [sys.executable, "-c", _USER, str(server.folder)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )


def _line(user: subprocess.Popen[str]) -> str:
    assert user.stdout is not None
    return user.stdout.readline().strip()


def _leave(user: subprocess.Popen[str]) -> None:
    user.communicate("\n", timeout=PATIENCE)
    assert user.returncode == 0


@pytest.fixture(scope="module")
def set_up(open_folder: Path) -> Path:
    """A data folder with a database in it, its server stopped; setting one up costs a second."""
    server = EmbeddedPostgres(open_folder / "embedded")
    server.acquire()
    _query(server, "CREATE TABLE kept AS SELECT 42 AS answer")
    server.release()
    return server.folder


@pytest.fixture
def server(set_up: Path) -> Iterator[EmbeddedPostgres]:
    server = EmbeddedPostgres(set_up)
    assert not server.running()
    yield server
    server.release()
    assert not server.running()


def test_the_first_user_starts_it_and_the_last_one_stops_it(server: EmbeddedPostgres) -> None:
    server.acquire()
    assert server.running()
    assert str(_query(server, "SHOW server_version")).startswith("18.")
    assert _query(server, "SHOW server_encoding") == "UTF8"
    assert _query(server, "SELECT answer FROM kept") == 42
    server.release()
    assert not server.running()
    with pytest.raises(OperationalError):
        _query(server, "SELECT 1")


@pytest.mark.parametrize(
    ("memory", "buffers"), [(0, 128), (1024, 128), (2048, 128), (4096, 256), (8192, 512), (256 * 1024, 512)]
)
def test_its_buffers_grow_with_the_memory_of_its_node(memory: int, buffers: int) -> None:
    assert shared_buffers(memory) == buffers


def test_it_has_these_buffers(server: EmbeddedPostgres) -> None:
    server.acquire()
    pages = _query(server, "SELECT setting::int FROM pg_settings WHERE name = 'shared_buffers'")
    assert pages == shared_buffers(usable_memory()) * 2**20 // 8192


def test_acquire_and_release_may_be_called_again(server: EmbeddedPostgres) -> None:
    server.acquire()
    first = _query(server, "SELECT pg_postmaster_start_time()::text")
    server.acquire()
    assert _query(server, "SELECT pg_postmaster_start_time()::text") == first
    server.release()
    server.release()
    assert not server.running()


def test_a_second_process_shares_it_and_outlives_the_first(server: EmbeddedPostgres) -> None:
    server.acquire()
    with _user(server) as other:
        assert _line(other) == _query(server, "SELECT pg_postmaster_start_time()::text")
        server.release()
        assert server.running()
        _leave(other)
    assert not server.running()


def test_a_user_that_is_killed_does_not_count_any_more(server: EmbeddedPostgres) -> None:
    server.acquire()
    with _user(server) as other:
        _line(other)
        other.send_signal(signal.SIGKILL)
    assert server.running()
    server.release()
    assert not server.running()


def test_a_server_that_was_killed_and_stays_a_zombie_is_started_again(server: EmbeddedPostgres) -> None:
    ran = subprocess.run(
        [sys.executable, "-c", _PROCESS_1, str(server.folder)],
        capture_output=True, text=True, timeout=PATIENCE, check=False,
    )  # fmt: skip
    assert ran.stdout.split() == ["False", "True", "True", "False", "False", "False"], ran.stderr


def test_two_processes_at_once_start_one_server(server: EmbeddedPostgres) -> None:
    with _user(server) as one, _user(server) as two:
        began = {_line(one), _line(two)}
        assert len(began) == 1
        assert began != {""}
        _leave(one)
        assert server.running()
        _leave(two)


def test_two_processes_at_once_set_one_up(open_folder: Path) -> None:
    server = EmbeddedPostgres(open_folder / "fresh")
    with _user(server) as one, _user(server) as two:
        began = {_line(one), _line(two)}
        assert len(began) == 1
        assert began != {""}
        _leave(one)
        _leave(two)
    assert not server.running()


def test_what_was_committed_survives_the_death_of_the_server(server: EmbeddedPostgres) -> None:
    server.acquire()
    _query(server, "CREATE TABLE IF NOT EXISTS written (line text)")
    _query(server, "INSERT INTO written VALUES ('before the kill')")
    postmaster = _postmaster(server)
    children = postmaster.children(recursive=True)
    postmaster.kill()
    psutil.wait_procs([postmaster, *children], timeout=PATIENCE)
    assert not server.running()
    again = EmbeddedPostgres(server.folder)
    again.acquire()
    assert _query(again, "SELECT line FROM written") == "before the kill"
    _query(again, "DROP TABLE written")
    again.release()


def test_a_server_left_behind_is_found_running(server: EmbeddedPostgres) -> None:
    """Everything but the server was killed: the next user shares it, and stops it when done."""
    with _user(server) as user:
        began = _line(user)
        user.send_signal(signal.SIGKILL)
    assert server.running()
    server.acquire()
    assert _query(server, "SELECT pg_postmaster_start_time()::text") == began


def test_a_long_path_has_its_socket_elsewhere(open_folder: Path, set_up: Path) -> None:
    folder = open_folder / ("a folder with a long name, " * 4).strip()
    shutil.copytree(set_up, folder)
    for path in folder.rglob("*"):
        shutil.chown(path, *_owner(set_up / "data"))
    shutil.chown(folder / "data", *_owner(set_up / "data"))
    server = EmbeddedPostgres(folder)
    digest = hashlib.sha256(os.fsencode(server.data)).hexdigest()[:12]
    assert server.socket_folder == Path("/tmp") / f"reelmill-{digest}"
    server.acquire()
    try:
        assert _query(server, "SELECT answer FROM kept") == 42
        assert server.socket_folder.stat().st_mode & 0o077 == 0
    finally:
        server.release()
        shutil.rmtree(server.socket_folder, ignore_errors=True)


def _owner(path: Path) -> tuple[int, int]:
    return path.stat().st_uid, path.stat().st_gid


@pytest.mark.skipif(os.geteuid() != 0, reason="only root has to give PostgreSQL to another account")
def test_root_is_told_which_folder_is_closed(tmp_path: Path) -> None:
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    with refused(SiteError, trouble=SiteTrouble.DATA_FOLDER) as refusal:
        EmbeddedPostgres(closed / "site").acquire()
    assert str(tmp_path.parents[0]).startswith(refusal.error.about)


def test_nobody_else_may_connect(server: EmbeddedPostgres) -> None:
    server.acquire()
    socket = server.socket_folder / ".s.PGSQL.5432"
    assert socket.stat().st_mode & 0o077 == 0
    assert _query(server, "SHOW listen_addresses") == ""


@pytest.mark.parametrize("trap", ["a link", "a stranger's folder"])
def test_a_socket_folder_that_somebody_else_made_is_refused(open_folder: Path, tmp_path: Path, trap: str) -> None:
    """Whoever may write there could put a server of his own in the place of ours."""
    if os.geteuid() != 0:
        pytest.skip("only root makes folders of others")
    server = EmbeddedPostgres(open_folder / f"{trap} {'long ' * 20}")
    target = tmp_path / "target"
    target.mkdir(mode=0o755)
    try:
        if trap == "a link":
            server.socket_folder.symlink_to(target)
        else:
            server.socket_folder.mkdir(mode=0o777)
            os.chown(server.socket_folder, 12_345, 12_345)
        with refused(SiteError, trouble=SiteTrouble.DATA_FOLDER, about=str(server.socket_folder)):
            server.acquire()
        assert not server.running()
        assert (target.stat().st_uid, target.stat().st_mode & 0o777) == (0, 0o755)
    finally:
        server.release()
        if trap == "a link":
            server.socket_folder.unlink()
        else:
            server.socket_folder.rmdir()


def test_who_is_alone_and_who_is_not(server: EmbeddedPostgres) -> None:
    server.acquire()
    assert server.alone()
    other = _user(server)
    _line(other)
    assert not server.alone()
    other.communicate("\n")
    assert server.alone()
    assert server.running()
