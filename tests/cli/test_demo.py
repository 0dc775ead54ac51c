"""``reelmill demo`` on a folder of a person's own: from the copies to the table, with nothing left running."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from reelmill.ffmpeg.binary import find_ffmpeg
from reelmill.ffmpeg.decode import check_whole
from tests.clips import clip

pytestmark = [pytest.mark.site, pytest.mark.timeout(400)]


def _demo(tmp_path: Path, media: Path, **settings: str) -> subprocess.CompletedProcess[str]:
    env = {name: value for name, value in os.environ.items() if not name.startswith(("PREFECT_", "REELMILL_"))}
    env |= {"HOME": str(tmp_path), "COLUMNS": "160", "REELMILL_PREFECT_PORT": "4500", **settings}
    return subprocess.run(
        [str(Path(sys.executable).parent / "reelmill"), "demo", "--media", str(media)],
        env=env,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        stdin=subprocess.DEVNULL,
    )


def _everything(folder: Path) -> dict[str, str]:
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.rglob("*") if path.is_file()}


def _of_the_demo() -> list[list[str]]:
    found = []
    for process in psutil.process_iter(["cmdline"]):
        words = process.info["cmdline"] or []
        if any("reelmill-demo-" in word or word == "4500" for word in words):
            found.append(words)
    return found


def test_a_folder_with_good_and_broken_videos(tmp_path: Path) -> None:
    media = tmp_path / "My Videos"
    for number, size in enumerate(("160x120", "120x160", "320x180", "64x64")):
        clip(media / f"sub folder {number}" / f"clip {number}.mp4", size=size, seconds=number + 2)
    clip(media / "ready.mp4", seconds=2, options=["-movflags", "+faststart"])
    (media / "broken.mp4").write_bytes(b"no video")
    (media / "notes.txt").write_text("not one of them")
    before = _everything(media)
    ran = _demo(tmp_path, media)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert "6 files copied" in ran.stdout
    assert "web-ready already, so not re-encoded: 1" in ran.stdout
    assert "invalid broken.mp4 cannot be opened as a video" in ran.stdout
    assert _everything(media) == before
    library = tmp_path / ".demo" / "media"
    made = [path for folder in ("playback", "compilations", "digests") for path in (library / folder).iterdir()]
    assert len(made) == 6
    assert len(list((library / "thumbnails").iterdir())) == 5
    for path in made:
        assert check_whole(path).clean
        assert f"{path.parent.name}/{path.name}" in ran.stdout  # in the table
    assert not _of_the_demo()


def test_a_job_that_fails_is_told_with_its_reason(tmp_path: Path) -> None:
    clip(tmp_path / "media" / "a.mp4", seconds=2)
    broken = tmp_path / "ffmpeg"
    complaint = 'echo "the lens cap is on" >&2; exit 9'
    broken.write_text(f'#!/bin/sh\ncase "$*" in *mjpeg*) {complaint};; *) exec "{find_ffmpeg()}" "$@";; esac\n')
    broken.chmod(0o755)
    ran = _demo(tmp_path, tmp_path / "media", REELMILL_FFMPEG=str(broken))
    assert ran.returncode == 1
    assert "thumbnail_generate failed ffmpeg ended with code 9: the lens cap is on" in ran.stdout
    assert not _of_the_demo()
    again = _demo(tmp_path, tmp_path / ".demo")
    assert again.returncode == 1
    assert "is not a folder the demo can copy from" in again.stderr
