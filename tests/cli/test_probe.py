from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from tests.clips import clip


def _reelmill(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(Path(sys.executable).parent / "reelmill"), *arguments],
        cwd=cwd,
        capture_output=True,
        text=True,
        check=False,
        stdin=subprocess.DEVNULL,
    )


def test_a_good_file_gives_what_the_catalogue_would_hold(tmp_path: Path) -> None:
    clip(tmp_path / "-a b.mkv", seconds=2, size="320x180", rate=30, sound=2, options=["-metadata", "title=Ein Täg"])
    result = _reelmill("probe", "./-a b.mkv", "--output", "json", cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    facts = json.loads(result.stdout)
    assert facts["title"] == "Ein Täg"
    assert (facts["video_codec"], facts["width"], facts["height"], facts["frame_rate"]) == ("h264", 320, 180, "30")
    assert (facts["audio_tracks"], facts["orientation"], facts["is_valid"]) == (2, "landscape", True)
    assert abs(facts["duration"] - 2) < 0.1


def test_a_bad_file_gives_one_sentence_and_exit_1(tmp_path: Path) -> None:
    (tmp_path / "x.mp4").write_text("text")
    plain = _reelmill("probe", "x.mp4", cwd=tmp_path)
    assert plain.returncode == 1
    assert plain.stdout == ""
    assert plain.stderr.count("\n") == 1
    assert plain.stderr.startswith("x.mp4 cannot be opened as a video")
    shown = json.loads(_reelmill("probe", "x.mp4", "--output", "json", cwd=tmp_path).stdout)
    assert not shown["is_valid"]
    assert shown["validation_error"] == plain.stderr.strip()


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    result = _reelmill("probe", "gone.mp4", cwd=tmp_path)
    assert result.returncode == 1
    assert "gone.mp4 is not there" in result.stderr


def test_of_several_files_each_has_its_place(tmp_path: Path) -> None:
    for name in ("a.mp4", "b.mp4"):
        clip(tmp_path / name, seconds=1)
    result = _reelmill("probe", "a.mp4", "gone.mp4", "b.mp4", "--output", "json", cwd=tmp_path)
    assert result.returncode == 1
    shown = [(one["path"], one["is_valid"]) for one in json.loads(result.stdout)]
    assert shown == [("a.mp4", True), ("gone.mp4", False), ("b.mp4", True)]


def test_help_names_every_command(tmp_path: Path) -> None:
    result = _reelmill("--help", cwd=tmp_path)
    for command in ("up", "deploy", "demo", "probe"):
        assert command in result.stdout
