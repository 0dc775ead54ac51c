"""``reelmill verify`` on any file, without a site."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from reelmill.cli.main import app
from reelmill.errors import FileMissing
from reelmill.ffmpeg.build import H264, reencode
from reelmill.ffmpeg.probe import probe
from tests.clips import clip, cut_off, ffmpeg


def _verify(*arguments: object) -> Result:
    return CliRunner().invoke(app, ["verify", *map(str, arguments)])


def _json(*arguments: object) -> tuple[int, dict[str, Any]]:
    answer = _verify(*arguments, "--output", "json")
    return answer.exit_code, json.loads(answer.stdout)


@pytest.fixture
def source(tmp_path: Path) -> Path:
    return clip(tmp_path / "source.mkv", seconds=2, sound=2)


@pytest.fixture
def copy(source: Path, tmp_path: Path) -> Path:
    path = tmp_path / "copy.mp4"
    ffmpeg(*reencode(source, probe(source), path, H264(preset="ultrafast")))
    return path


def test_a_good_file(source: Path) -> None:
    code, said = _json(source)
    facts = said.pop("facts")
    assert (code, said) == (0, {"file": str(source), "ok": True, "reasons": []})
    assert (facts["frames"], facts["duration"], facts["audio"]) == (
        50,
        pytest.approx(2, abs=0.03),
        ["vorbis", "vorbis"],
    )
    assert (facts["width"], facts["height"], facts["monotone"], facts["decodes"]) == (160, 120, True, True)
    text = _verify(source)
    assert (text.exit_code, text.stdout.splitlines()[0]) == (0, "source.mkv is good")


def test_an_index_at_the_end_is_a_fault_of_a_copy_only(copy: Path, source: Path, tmp_path: Path) -> None:
    late = tmp_path / "late.mp4"
    ffmpeg("-i", copy, "-map", "0", "-c", "copy", late)
    code, said = _json(late)
    assert (code, said["ok"], said["facts"]["faststart"]) == (0, True, False)
    code, said = _json(late, "--against", source)
    assert code == 1
    assert said["reasons"] == ["its index stands at the end, so that no player can start before all of it has come"]


def test_half_a_file(copy: Path, tmp_path: Path) -> None:
    half = cut_off(copy, tmp_path / "half.mp4", keep=0.5)
    code, said = _json(half)
    assert (code, said["ok"]) == (1, False)
    text = _verify(half)
    assert text.exit_code == 1
    assert text.stdout.startswith("half.mp4 is not good\n  wrong: ")


def test_what_is_no_video(tmp_path: Path) -> None:
    (tmp_path / "text.mp4").write_text("words")
    code, said = _json(tmp_path / "text.mp4")
    assert (code, said["ok"], said["facts"]) == (1, False, {})
    assert "text.mp4 cannot be opened as a video" in said["reasons"][0]


def test_a_true_copy(copy: Path, source: Path) -> None:
    code, said = _json(copy, "--against", source)
    assert (code, said["reasons"]) == (0, [])
    assert {(one["track"], one["place"]) for one in said["facts"]["offsets"]} == {
        (track, place) for track in (0, 1) for place in ("start", "middle", "end")
    }  # fmt: skip
    assert all(abs(one["seconds"]) < 0.005 for one in said["facts"]["offsets"])
    assert "sound 2 end" in _verify(copy, "--against", source).stdout


def test_a_copy_that_lost_something(copy: Path, source: Path, tmp_path: Path) -> None:
    lossy = tmp_path / "lossy.mp4"
    ffmpeg("-i", copy, "-map", "0:v", "-map", "0:a:0", "-t", "1.6", "-c", "copy", "-movflags", "+faststart", lossy)
    code, said = _json(lossy, "--against", source)
    assert code == 1
    assert any("pictures where the source has 50" in reason for reason in said["reasons"])
    assert "1 sound tracks where the source has 2" in said["reasons"]


def test_a_source_that_is_not_there(copy: Path) -> None:
    answer = _verify(copy, "--against", "nowhere.mkv")
    with pytest.raises(FileMissing, match=r"nowhere\.mkv"):
        raise answer.exception or AssertionError
