from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.clips import ffmpeg

REELMILL = str(Path(sys.executable).parent / "reelmill")


@pytest.fixture
def edited(tmp_path: Path) -> Path:
    path = tmp_path / "ed ited.mp4"
    ffmpeg("-f", "lavfi", "-t", "2", "-i", "testsrc2=s=320x180:r=25", "-f", "lavfi", "-t", "2", "-i",
           "mandelbrot=s=320x180:r=25", "-f", "lavfi", "-t", "3", "-i", "smptebars=s=320x180:r=25", "-filter_complex",
           "[1][2]xfade=duration=1:offset=1[b];[0][b]concat=n=2", "-pix_fmt", "yuv420p", path)  # fmt: skip
    return path


def _run(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([REELMILL, "scenes", *map(str, arguments)], capture_output=True, text=True, check=False)


def test_cuts_and_fades_as_json_and_as_text(edited: Path) -> None:
    answer = _run(edited, "--output", "json")
    assert answer.returncode == 0, answer.stderr
    found = json.loads(answer.stdout)
    assert found["cuts"] == [2.0]
    ((begin, end),) = found["fades"]
    assert (begin, end) == pytest.approx((3, 4), abs=0.2)
    text = _run(edited).stdout.splitlines()
    assert text[0].split() == ["2.000", "cut"]
    assert "fade, to" in text[1]


@pytest.mark.parametrize("content", [None, b"", b"not a video"])
def test_what_is_no_video_gets_one_sentence(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "a.mp4"
    if content is not None:
        path.write_bytes(content)
    answer = _run(path)
    assert answer.returncode == 1
    assert "a.mp4" in answer.stderr
    assert "Traceback" not in answer.stderr
