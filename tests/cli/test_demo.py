"""``reelmill demo`` on a folder of a person's own: from the copies to the table, with nothing left running."""

from __future__ import annotations

import hashlib
import os
import re
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import httpx
import psutil
import pytest

from reelmill.ffmpeg.binary import find_ffmpeg
from reelmill.ffmpeg.reading.decode import check_whole
from tests.clips import clip
from tests.patience import PATIENCE

pytestmark = pytest.mark.site


def _start(tmp_path: Path, *options: str | Path, **settings: str) -> subprocess.Popen[str]:
    env = {name: value for name, value in os.environ.items() if not name.startswith(("PREFECT_", "REELMILL_"))}
    env |= {"HOME": str(tmp_path), "COLUMNS": "160", "REELMILL_PREFECT_PORT": "4500", **settings}
    return subprocess.Popen(
        [str(Path(sys.executable).parent / "reelmill"), "demo", *map(str, options)],
        env=env,
        cwd=tmp_path,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,  # a pipe that nobody reads would stop it once full
        text=True,
    )


@dataclass
class _KeptDemo:
    """A demo that left its site up until it was asked and ended."""

    shown: str
    status: int  # of what the site was asked
    family: set[psutil.Process]  # all that ran for it


def _kept_and_ended(running: subprocess.Popen[str]) -> _KeptDemo:
    """Wait until a demo leaves its site up, ask that, and press Ctrl-C."""
    assert running.stdout is not None
    kept = _KeptDemo("", 0, set())
    for line in running.stdout:
        kept.shown += line
        if "Ctrl-C ends it" in line:
            try:
                kept.family = _family(running.pid)
                found = re.search(r"http://127\.0\.0\.1:\d+", kept.shown)
                assert found is not None, kept.shown
                kept.status = httpx.get(f"{found[0]}/api/ready", timeout=PATIENCE).status_code
            finally:
                running.send_signal(signal.SIGINT)
    return kept


def _everything(folder: Path) -> dict[str, str]:
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.rglob("*") if path.is_file()}


def _words(process: psutil.Process) -> list[str]:
    """Its command line; none where it has ended, also where nobody has asked yet how."""
    try:
        return process.cmdline() if process.is_running() else []
    except psutil.NoSuchProcess:
        return []


def _family(demo: int) -> set[psutil.Process]:
    """A demo's children and theirs, and the database that works in its data folder, which is nobody's child."""
    family = set(psutil.Process(demo).children(recursive=True))
    folder = Path(next(process for process in family if "worker" in _words(process)).environ()["REELMILL_DATA_DIR"])
    database = psutil.Process(int((folder / "postgres" / "data" / "postmaster.pid").read_text().split()[0]))
    return {*family, database, *database.children()}


def test_a_folder_with_good_and_broken_videos_and_a_job_that_fails(tmp_path: Path) -> None:
    """On one site, since bringing one up is most of the time this takes."""
    media = tmp_path / "My Videos"
    for number, size in enumerate(("160x120", "120x160", "320x180", "64x64")):
        clip(media / f"sub folder {number}" / f"clip {number}.mp4", size=size, seconds=number + 2)
    clip(media / "ready.mp4", seconds=2, options=["-movflags", "+faststart"])
    (media / "broken.mp4").write_bytes(b"no video")
    (media / "notes.txt").write_text("not one of them")
    before = _everything(media)
    broken = tmp_path / "ffmpeg"
    complaint = 'echo "the lens cap is on" >&2; exit 9'
    broken.write_text(
        f'#!/bin/sh\ncase "$*" in *ready.mp4*mjpeg*) {complaint};; *) exec "{find_ffmpeg()}" "$@";; esac\n'
    )
    broken.chmod(0o755)
    with _start(tmp_path, "--keep", "--media", media, REELMILL_FFMPEG=str(broken)) as running:
        kept = _kept_and_ended(running)
    shown = kept.shown
    assert running.returncode == 1, shown
    assert kept.status in (200, 401)  # as it has a login, or not
    assert "6 files copied" in shown
    assert "bringing up a site of its own" in shown
    assert "web-ready already, so not re-encoded: 1 (ready.mp4)" in shown
    assert "invalid broken.mp4 cannot be opened as a video" in shown
    assert "thumbnail_generate failed ffmpeg ended with code 9: the lens cap is on (ready.mp4)" in shown
    assert shown.count(" failed ") == 1
    assert _everything(media) == before
    library = tmp_path / ".demo" / "media"
    made = [path for folder in ("playback", "compilations", "digests") for path in (library / folder).iterdir()]
    assert len(made) == 6
    thumbnails = list((library / "thumbnails").rglob("*.jpg"))
    assert len(thumbnails) == 4
    for path in made:
        assert check_whole(path).clean
        assert f"{path.parent.name}/{path.name}" in shown  # in the table
    for number in range(4):
        assert f"a thumbnail of clip {number}.mp4" in shown
    assert not any(path.name in shown for path in thumbnails)  # an id is nothing to look at
    assert len(kept.family) > 5
    assert not [words for process in kept.family if (words := _words(process))]


def test_what_the_demo_made_is_no_folder_for_it(tmp_path: Path) -> None:
    (tmp_path / ".demo").mkdir()
    with _start(tmp_path, "--media", tmp_path / ".demo") as running:
        complaint, _ = running.communicate()
    assert running.returncode == 2
    assert "is not a folder the demo can copy from" in complaint
