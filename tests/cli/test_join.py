"""One file, two nodes: each a network namespace with its own address, node name and mount of the library."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import psutil
import pytest

from reelmill.ffmpeg.reading.decode import check_whole
from reelmill.hardware.core_slots import slot
from reelmill.parallel import cores
from reelmill.settings import Settings
from reelmill.storage.media_root import MediaRoot
from tests.clips import clip, ffmpeg
from tests.patience import PATIENCE, until

pytestmark = pytest.mark.site

_ADDRESSES = ("10.77.0.1", "10.77.0.2")
_SUBMIT = """
from prefect.deployments import run_deployment
run = run_deployment("scan/scan", parameters={"directory_type": "inbox"}, timeout=400)
assert run.state.is_completed(), run.state
from reelmill.catalogue.engine import session
from reelmill.catalogue.models import Video
from sqlmodel import select
with session() as opened:
    (video,) = opened.exec(select(Video)).all()
print("scanned", flush=True)
input()
asked = {"video_id": str(video.id), "preset": "fast", "force": True}
run = run_deployment("reencode/reencode", parameters=asked, timeout=400)
assert run.state.is_completed(), run.state
print(run.state.result(raise_on_failure=True).model_dump_json())
"""


@contextmanager
def _network() -> Iterator[tuple[str, str]]:
    """Two namespaces with a cable between them."""
    names = tuple(f"rm{os.getpid()}{side}" for side in "ab")
    links = tuple(f"rm{os.getpid() % 10_000}{side}" for side in "ab")
    made = subprocess.run(["ip", "netns", "add", names[0]], capture_output=True, text=True, check=False)
    if made.returncode != 0:
        pytest.skip(f"no network namespaces to be had here: {made.stderr.strip()}")
    try:
        _ip("netns", "add", names[1])
        _ip("link", "add", links[0], "netns", names[0], "type", "veth", "peer", "name", links[1], "netns", names[1])
        for name, link, address in zip(names, links, _ADDRESSES, strict=True):
            _ip("-n", name, "addr", "add", f"{address}/24", "dev", link)
            _ip("-n", name, "link", "set", link, "up")
            _ip("-n", name, "link", "set", "lo", "up")
        yield names[0], names[1]
    finally:
        for name in names:
            subprocess.run(["ip", "netns", "del", name], capture_output=True, check=False)


def _ip(*arguments: str) -> None:
    subprocess.run(["ip", *arguments], check=True, capture_output=True)


class _Node:
    """A reelmill command running in a namespace."""

    def __init__(self, namespace: str, env: dict[str, str], command: str, log: Path):
        self._log = log
        environment = {
            name: value for name, value in os.environ.items() if not name.startswith(("PREFECT_", "REELMILL_"))
        }
        with log.open("wb") as out:
            self.process = subprocess.Popen(
                ["ip", "netns", "exec", namespace, "sh", "-c", command],
                env={**environment, "REELMILL_API": "off", "COLUMNS": "400", **env},
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
            )

    def said(self, pattern: str, seconds: float = PATIENCE) -> str:
        """What it printed that matches, once it has."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            found = re.search(pattern, self._log.read_text(), re.MULTILINE)
            if found is not None:
                return found[1]
            assert self.process.poll() is None, self._log.read_text()
            time.sleep(0.1)
        raise AssertionError(self._log.read_text())

    def end(self) -> None:
        """As Ctrl-C does."""
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(PATIENCE)

    def kill(self) -> None:
        """Everything at once, as a power cut does; nothing where it is off already."""
        if self.process.poll() is not None:
            return
        others = psutil.Process(self.process.pid).children(recursive=True)
        self.process.kill()
        for other in others:
            other.kill()
        self.process.wait()
        psutil.wait_procs(others)


@contextmanager
def _cores_taken(data_dir: Path) -> Iterator[None]:
    """A node whose cores all encode something else: it waits with what is fanned out to it."""
    with ExitStack() as taken:
        for _ in range(cores()):
            taken.enter_context(slot(Settings(data_dir=data_dir).slot_dir))
        yield


def _reelmill(*arguments: str) -> str:
    return f"exec {sys.executable} -m reelmill.cli.main {' '.join(arguments)}"


def _made_by(root: MediaRoot, node: str) -> set[str]:
    """Chunks in the store that a node made."""
    found = set()
    for record in root.chunks.glob("*.json"):
        try:
            if json.loads(record.read_text())["facts"]["node"] == node:
                found.add(record.stem)
        except (FileNotFoundError, ValueError):
            continue
    return found


def test_two_nodes_encode_one_file_and_one_may_die(open_folder: Path, tmp_path: Path) -> None:
    folder = open_folder / "machines"
    folder.mkdir()
    root = MediaRoot(folder / "media")
    root.create()
    short = clip(tmp_path / "short.mp4", seconds=30, size="320x180", rate=25, gop=50)
    source = root.folder("inbox") / "long.mp4"
    ffmpeg("-stream_loop", "7", "-i", short, "-c", "copy", source)
    os.utime(source, (1e9, 1e9))  # long complete, for a scan
    elsewhere = folder / "mounted elsewhere"
    elsewhere.mkdir()
    with ExitStack() as stack:
        one, two = stack.enter_context(_network())
        first = _Node(
            one, {"REELMILL_DATA_DIR": str(folder / "one"), "REELMILL_NODE_NAME": "first"},
            _reelmill("up", "--listen", _ADDRESSES[0], "--media-root", f"'{root.path}'"), folder / "first.log",
        )  # fmt: skip
        stack.callback(first.end)
        join = first.said(r"reelmill (join \S+ tls:\S+) --media-root")
        first.said(r"^(up)")
        database = _login(one, "--database", REELMILL_DATA_DIR=str(folder / "one"))
        assert database not in (folder / "first.log").read_text(), "a log holds no password"
        # The library is mounted elsewhere there, and nothing is where the first node has it.
        mounts = f"mount --bind '{root.path}' '{elsewhere}' && mount -t tmpfs none '{root.path}' && "
        second = _Node(
            two,
            {
                "REELMILL_DATA_DIR": str(folder / "two"),
                "REELMILL_NODE_NAME": "second",
                "REELMILL_DATABASE_URL": database,
            },
            mounts + _reelmill(join, "--helper", "--media-root", f"'{elsewhere}'"), folder / "second.log",
        )  # fmt: skip
        stack.callback(second.kill)
        second.said(r"^(joined)")
        api = join.split()[1]
        submitted = stack.enter_context(_submitted(one, api, database, root))
        assert submitted.stdout is not None
        assert submitted.stdin is not None
        assert submitted.stdout.readline() == "scanned\n"
        with _cores_taken(folder / "one"):  # however fast it is, the second has its part
            submitted.stdin.write("\n")
            submitted.stdin.flush()
            until(lambda: submitted.poll() is not None or len(_made_by(root, "second")) >= 2)
            made = _made_by(root, "second")
        assert submitted.poll() is None
        second.kill()
        made = _made_by(root, "second") or made
        result = _result(submitted)
    assert result["chunks"] == 8
    assert result["frames_encoded"] + 750 * result["chunks_reused"] == 6000
    assert check_whole(root.path / result["path"]).frames == 6000
    log = (folder / "one" / "logs" / "worker-gpu_encode.log").read_text()
    chunks = re.findall(r"(chunk \d+|audio and subtitles), (?:[\d.]+ (?:s|min|h)\b.*? on (\w+)|made before)", log)
    assert len({name for name, _ in chunks}) == 9
    assert sum(node == "first" for _, node in chunks) == 9 - len(made), (
        "what the other had finished was not lost with it"
    )
    shutil.rmtree(folder)


@contextmanager
def _submitted(namespace: str, api: str, database: str, root: MediaRoot) -> Iterator[subprocess.Popen[str]]:
    env = {
        **os.environ, "PREFECT_API_URL": api, "REELMILL_DATABASE_URL": database, "REELMILL_MEDIA_ROOT": str(root.path),
    }  # fmt: skip
    # Whoever has the database's address needs no second secret by hand.
    env["PREFECT_API_AUTH_STRING"] = _login(namespace, REELMILL_DATABASE_URL=database)
    run = ["ip", "netns", "exec", namespace, sys.executable, "-c", _SUBMIT]
    with subprocess.Popen(run, env=env, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


def _login(namespace: str, *options: str, **settings: str) -> str:
    """What ``reelmill login`` prints on a node."""
    ask = ["ip", "netns", "exec", namespace, sys.executable, "-m", "reelmill.cli.main", "login", *options]
    result = subprocess.run(ask, env={**os.environ, **settings}, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    return result.stdout.strip()


def _result(process: subprocess.Popen[str]) -> dict[str, Any]:
    result, _ = process.communicate()
    assert process.returncode == 0, result
    found: dict[str, Any] = json.loads(result.splitlines()[-1])
    return found
