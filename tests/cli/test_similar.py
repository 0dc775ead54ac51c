"""``reelmill similar`` on files, without a site."""

from __future__ import annotations

import json
from pathlib import Path

from typer.testing import CliRunner

from reelmill.cli.main import app
from reelmill.errors import UserError
from tests.clips import clip, ffmpeg


def test_files_are_compared(tmp_path: Path) -> None:
    source = "mandelbrot=s=160x90:r=10:start_scale=0.6:end_scale=0.02:end_pts=120,trim=duration=12"
    whole, clipped, other = tmp_path / "whole.mp4", tmp_path / "part.mp4", clip(tmp_path / "other.mp4", seconds=6)
    ffmpeg("-f", "lavfi", "-i", source, "-c:v", "libx264", "-g", "10", whole)
    ffmpeg("-ss", "4", "-t", "6", "-i", whole, "-c:v", "mpeg4", "-q:v", "4", clipped)
    result = CliRunner().invoke(app, ["similar", str(clipped), str(other), str(whole), "--output", "json"])
    assert result.exit_code == 0
    assert json.loads(result.stdout) == {
        "groups": [],
        "clips": [{"clip": str(clipped), "whole": str(whole), "offset": 4}],
        "errors": [],
    }
    same = CliRunner().invoke(app, ["similar", str(whole), str(whole)])
    assert same.stdout == f"the same: {whole}, {whole}\n"
    assert CliRunner().invoke(app, ["similar", str(whole), str(other)]).stdout == "nothing alike\n"


def test_a_bad_file_stops_no_other(tmp_path: Path) -> None:
    (tmp_path / "text.mp4").write_text("words")
    good, bad = clip(tmp_path / "good.mp4", seconds=6), tmp_path / "text.mp4"
    result = CliRunner().invoke(app, ["similar", str(good), str(bad), str(good), "gone.mp4"])
    assert result.exit_code == 1
    assert result.stdout == f"the same: {good}, {good}\n"
    assert [line.split()[0] for line in result.stderr.splitlines()] == ["text.mp4", "gone.mp4"]
    shown = CliRunner().invoke(app, ["similar", str(good), str(bad), str(good), "--output", "json"])
    assert shown.exit_code == 1
    found = json.loads(shown.stdout)
    assert (found["groups"], [error["file"] for error in found["errors"]]) == ([[str(good)] * 2], [str(bad)])


def test_one_video_is_compared_with_nothing(tmp_path: Path) -> None:
    result = CliRunner().invoke(app, ["similar", str(tmp_path / "a.mp4")])
    assert isinstance(result.exception, UserError)
