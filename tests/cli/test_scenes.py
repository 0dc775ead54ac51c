from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.clips import clip, ffmpeg

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
    result = _run(edited, "--output", "json")
    assert result.returncode == 0, result.stderr
    found = json.loads(result.stdout)
    assert found["cuts"] == [2.0]
    ((begin, end),) = found["fades"]
    assert (begin, end) == pytest.approx((3, 4), abs=0.2)
    text = _run(edited).stdout.splitlines()
    assert text[0].split() == ["2.000", "cut"]
    assert "fade, to" in text[1]


def test_one_scene_is_one_and_a_bad_file_stops_none(edited: Path, tmp_path: Path) -> None:
    still = clip(tmp_path / "still.mp4", seconds=2)
    assert _run(still).stdout == "one scene, 2.000 s long\n"
    result = _run(still, "gone.mp4", edited)
    assert result.returncode == 1
    assert result.stdout.splitlines()[:3] == [f"{still}:", "one scene, 2.000 s long", f"{edited}:"]
    assert result.stderr.startswith("gone.mp4 is not there")
    assert result.stderr.count("\n") == 1
    shown = _run(still, "gone.mp4", edited, "--output", "json")
    assert shown.returncode == 1
    one, none, other = json.loads(shown.stdout)
    assert one == {"file": str(still), "duration": 2.0, "cuts": [], "fades": []}
    assert (none["file"], none["failure_class"]) == ("gone.mp4", "input_error")
    assert (other["file"], other["cuts"]) == (str(edited), [2.0])


@pytest.mark.parametrize("content", [None, b"", b"not a video"])
def test_what_is_no_video_gets_one_sentence(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "a.mp4"
    if content is not None:
        path.write_bytes(content)
    result = _run(path)
    assert result.returncode == 1
    assert "a.mp4" in result.stderr
    assert "Traceback" not in result.stderr
