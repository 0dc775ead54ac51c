"""Every command that takes files, with what is none: one sentence that names it, the right exit code, no traceback."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

REELMILL = Path(sys.executable).parent / "reelmill"


def _run(folder: Path, *arguments: str | bytes, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [REELMILL, *arguments], cwd=folder, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL,
        env={**os.environ, "PYTHONIOENCODING": "utf-8:strict", **environment},
    )  # fmt: skip


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "folder").mkdir()
    (tmp_path / "empty.mp4").touch()
    (tmp_path / "text.mp4").write_text("words")
    (tmp_path / "loop.mp4").symlink_to("loop.mp4")
    (tmp_path / os.fsdecode(b"caf\xe9.mp4")).write_text("words")
    return tmp_path


NAMES: tuple[str | bytes, ...] = (
    "gone",
    "folder",
    "empty.mp4",
    "text.mp4",
    "loop.mp4",
    "http://a.b/c.mp4",
    "-",
    ".",
    b"caf\xe9.mp4",
    "n" * 300,
)


@pytest.mark.parametrize("command", ["probe", "scenes", "verify", "similar"])
def test_each_bad_file_gets_a_sentence_of_its_own(folder: Path, command: str) -> None:
    result = _run(folder, command, *NAMES)
    assert result.returncode == 1
    lines = (result.stdout + result.stderr).splitlines()
    assert len(lines) == len(NAMES), lines
    assert "Traceback" not in result.stderr
    for line, name in zip(lines, NAMES, strict=True):
        shown = os.fsdecode(name).encode("utf-8", "backslashreplace").decode()
        assert line.startswith((shown[:40], shown.replace("//", "/")))
        assert line.endswith(".")


@pytest.mark.parametrize("command", ["probe", "scenes", "verify", "similar", "plan"])
def test_programs_get_them_as_data(folder: Path, command: str) -> None:
    result = _run(folder, command, "text.mp4", b"caf\xe9.mp4", "-o", "json")
    assert (result.returncode, result.stderr) == (1, "")
    found = json.loads(result.stdout)
    if isinstance(found, dict):
        found = found.get("errors") or found["videos"]
    assert [one.get("file") or one["path"] for one in found] == ["text.mp4", os.fsdecode(b"caf\xe9.mp4")]


def test_a_traceback_is_shown_on_request(folder: Path) -> None:
    wrong = {"REELMILL_DATA_DIR": str(folder / "text.mp4"), "REELMILL_MEDIA_ROOT": str(folder)}
    short = _run(folder, "plan", "gone", **wrong)
    assert (short.returncode, short.stdout, short.stderr.count("\n")) == (1, "", 1)
    assert "text.mp4" in short.stderr
    assert "Traceback" in _run(folder, "plan", "gone", REELMILL_DEBUG="1", **wrong).stderr
