"""``reelmill verify`` on any file, without a site."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from reelmill.cli.main import app
from reelmill.errors import UserError
from reelmill.ffmpeg.commands.web_copy import reencode
from reelmill.ffmpeg.encoding import Encoding
from reelmill.ffmpeg.reading.probe import probe
from reelmill.ffmpeg.transcoder import Transcoder
from reelmill.operations.chunk_store.readable import briefly_readable
from tests.clips import clip, cut_off, ffmpeg
from tests.patched import joined


def _verify(*arguments: object) -> Result:
    return CliRunner().invoke(app, ["verify", *map(str, arguments)])


def _json(*arguments: object) -> tuple[int, dict[str, Any]]:
    result = _verify(*arguments, "--output", "json")
    return result.exit_code, json.loads(result.stdout)


@pytest.fixture
def source(tmp_path: Path) -> Path:
    return clip(tmp_path / "source.mkv", seconds=2, sound=2)


@pytest.fixture
def copy(source: Path, tmp_path: Path) -> Path:
    path = tmp_path / "copy.mp4"
    ffmpeg(*reencode(source, probe(source), path, Encoding(preset="ultrafast")))
    return path


def test_a_good_file(source: Path) -> None:
    code, said = _json(source)
    facts = said.pop("facts")
    assert (code, said) == (0, {"file": str(source), "ok": True, "reasons": [], "findings": [], "notes": []})
    assert (facts["frames"], facts["duration"], facts["audio"]) == (
        50,
        pytest.approx(2, abs=0.03),
        ["vorbis", "vorbis"],
    )
    assert (facts["width"], facts["height"], facts["monotone"], facts["decodes"]) == (160, 120, True, True)
    text = _verify(source)
    assert (text.exit_code, text.stdout.splitlines()[0]) == (0, "source.mkv is good")


def test_an_index_at_the_end_is_a_note_where_nobody_promised_a_copy_for_the_web(
    copy: Path, source: Path, tmp_path: Path
) -> None:
    late = tmp_path / "late.mp4"
    ffmpeg("-i", copy, "-map", "0", "-c", "copy", late)
    code, said = _json(late)
    assert (code, said["ok"], said["facts"]["faststart"]) == (0, True, False)
    assert [note.partition(",")[0] for note in said["facts"]["notes"]] == ["its index stands at the end"]
    code, against = _json(late, "--against", source)
    assert (code, against["ok"], against["facts"]["notes"]) == (0, True, said["facts"]["notes"])


def test_of_several_files_each_has_its_place(copy: Path, source: Path, tmp_path: Path) -> None:
    half = cut_off(copy, tmp_path / "half.mp4", keep=0.5)
    result = _verify(source, half, "gone.mp4", copy)
    assert result.exit_code == 1
    gone = next(line for line in result.stdout.splitlines() if line.startswith("gone.mp4 is not there"))
    verdicts = [line for line in result.stdout.splitlines() if not line.startswith(" ")]
    assert verdicts == ["source.mkv is good", "half.mp4 is not good", gone, "copy.mp4 is good"]
    shown = _verify(half, copy, "--output", "json")
    assert (shown.exit_code, [one["ok"] for one in json.loads(shown.stdout)]) == (1, [False, True])
    refused = _verify(half, copy, "--against", source)
    assert isinstance(refused.exception, UserError)


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
    assert {one["by"] for one in said["facts"]["offsets"]} == {"audio"}
    assert {(one["track"], one["place"]) for one in said["facts"]["offsets"]} == {
        (track, place) for track in (0, 1) for place in ("start", "middle", "end")
    }  # fmt: skip
    assert all(abs(one["seconds"]) < 0.005 for one in said["facts"]["offsets"])
    assert "audio 2 end" in _verify(copy, "--against", source).stdout


def test_a_copy_that_lost_something(copy: Path, source: Path, tmp_path: Path) -> None:
    lossy = tmp_path / "lossy.mp4"
    ffmpeg("-i", copy, "-map", "0:v", "-map", "0:a:0", "-t", "1.6", "-c", "copy", "-movflags", "+faststart", lossy)
    code, said = _json(lossy, "--against", source)
    assert code == 1
    assert any("frames where the source has 50" in reason for reason in said["reasons"])
    assert [finding["sentence"] for finding in said["findings"]] == said["reasons"]
    tracks = next(finding for finding in said["notes"] if finding["kind"] == "audio_tracks")
    assert (tracks["got"], tracks["wanted"], tracks["against_source"]) == (1, 2, True)


def test_a_source_that_is_not_there(copy: Path) -> None:
    result = _verify(copy, "--against", "nowhere.mkv")
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr.startswith("nowhere.mkv is not there")
    code, said = _json(copy, "--against", "nowhere.mkv")
    assert (code, said["failure_class"]) == (1, "input_error")


@pytest.mark.parametrize(
    ("spoilt", "kind", "track"),
    [(("-vf", "drawbox=color=black:t=fill"), "black", None), (("-af", "volume=-40dB"), "quieter", 1)],
)
def test_a_copy_that_looks_or_is_heard_otherwise(
    copy: Path, source: Path, tmp_path: Path, spoilt: tuple[str, str], kind: str, track: int | None
) -> None:
    other = tmp_path / "other.mp4"
    ffmpeg("-i", copy, "-map", "0", *spoilt, "-pix_fmt", "yuv420p", "-movflags", "+faststart", other)
    code, result = _json(other, "--against", source)
    assert code == 1
    assert (kind, track) in {(finding["kind"], finding.get("track")) for finding in result["findings"]}


def test_a_copy_that_is_too_small_to_watch(tmp_path: Path) -> None:
    source, small = clip(tmp_path / "large.mp4", size="640x360"), tmp_path / "small.mp4"
    ffmpeg("-i", source, "-vf", "scale=80:46,setsar=1", "-movflags", "+faststart", small)
    _, result = _json(small, "--against", source)
    assert "it is only 80x46, where the source is 640x360" in result["reasons"]


def test_a_copy_of_a_source_that_had_to_be_mended(tmp_path: Path) -> None:
    """The clock of the source starts again; its copy is one time line, as the mended source is."""
    source = joined(tmp_path / "joined.ts", clip(tmp_path / "a.ts"), clip(tmp_path / "b.ts"))
    copy = tmp_path / "copy.mp4"
    with briefly_readable(Transcoder(), source, probe(source)) as (path, info, fault):
        assert fault
        ffmpeg(*reencode(path, info, copy, Encoding(preset="ultrafast")))
    code, result = _json(copy, "--against", source)
    assert (code, result["reasons"]) == (0, [])
    assert result["facts"]["notes"] == [f"the source is read from a mended copy: {fault}"]
    lossy = tmp_path / "lossy.mp4"
    ffmpeg("-i", copy, "-t", "1.2", "-c", "copy", "-movflags", "+faststart", lossy)
    code, result = _json(lossy, "--against", source)
    assert code == 1
    assert any("frames where the source has 50" in reason for reason in result["reasons"])
