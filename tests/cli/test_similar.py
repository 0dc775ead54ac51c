"""``reelmill similar`` on files, without a site."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from reelmill.cli.main import app
from reelmill.errors import NotAVideo
from tests.clips import clip, ffmpeg


def test_files_are_compared(tmp_path: Path) -> None:
    source = "mandelbrot=s=160x90:r=10:start_scale=0.6:end_scale=0.02:end_pts=120,trim=duration=12"
    whole, part, other = tmp_path / "whole.mp4", tmp_path / "part.mp4", clip(tmp_path / "other.mp4", seconds=6)
    ffmpeg("-f", "lavfi", "-i", source, "-c:v", "libx264", "-g", "10", whole)
    ffmpeg("-ss", "4", "-t", "6", "-i", whole, "-c:v", "mpeg4", "-q:v", "4", part)
    answer = CliRunner().invoke(app, ["similar", str(part), str(other), str(whole), "--output", "json"])
    assert answer.exit_code == 0
    assert json.loads(answer.stdout) == {"groups": [], "clips": [{"clip": str(part), "whole": str(whole), "offset": 4}]}
    same = CliRunner().invoke(app, ["similar", str(whole), str(whole)])
    assert same.stdout == f"the same: {whole}, {whole}\n"
    assert CliRunner().invoke(app, ["similar", str(whole), str(other)]).stdout == "nothing alike\n"


def test_what_is_no_video_is_said(tmp_path: Path) -> None:
    (tmp_path / "text.mp4").write_text("words")
    answer = CliRunner().invoke(app, ["similar", str(tmp_path / "text.mp4"), "x"])
    with pytest.raises(NotAVideo, match=r"text\.mp4"):
        raise answer.exception or AssertionError
