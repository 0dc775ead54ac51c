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


def test_a_good_file_answers_with_what_the_catalogue_would_hold(tmp_path: Path) -> None:
    clip(tmp_path / "-a b.mkv", seconds=2, size="320x180", rate=30, sound=2, options=["-metadata", "title=Ein Täg"])
    answer = _reelmill("probe", "./-a b.mkv", "--output", "json", cwd=tmp_path)
    assert answer.returncode == 0, answer.stderr
    facts = json.loads(answer.stdout)
    assert facts["title"] == "Ein Täg"
    assert (facts["video_codec"], facts["width"], facts["height"], facts["frame_rate"]) == ("h264", 320, 180, "30")
    assert (facts["audio_tracks"], facts["orientation"], facts["is_valid"]) == (2, "landscape", True)
    assert abs(facts["duration"] - 2) < 0.1


def test_a_bad_file_answers_with_one_sentence_and_exit_1(tmp_path: Path) -> None:
    (tmp_path / "x.mp4").write_text("text")
    plain = _reelmill("probe", "x.mp4", cwd=tmp_path)
    assert plain.returncode == 1
    assert plain.stdout == ""
    assert plain.stderr.count("\n") == 1
    assert plain.stderr.startswith("x.mp4 cannot be opened as a video")
    told = json.loads(_reelmill("probe", "x.mp4", "--output", "json", cwd=tmp_path).stdout)
    assert not told["is_valid"]
    assert told["validation_error"] == plain.stderr.strip()


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    answer = _reelmill("probe", "gone.mp4", cwd=tmp_path)
    assert answer.returncode == 1
    assert "gone.mp4 is not there" in answer.stderr


def test_help_names_every_command(tmp_path: Path) -> None:
    answer = _reelmill("--help", cwd=tmp_path)
    for command in ("up", "deploy", "demo", "probe"):
        assert command in answer.stdout
