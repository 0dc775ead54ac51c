"""A mark at the end of an mp4: read back, replaced, and nothing to a player."""

from __future__ import annotations

from pathlib import Path

import pytest

from reelmill.ffmpeg.reading.decode import check_whole
from reelmill.ffmpeg.reading.probe import probe
from reelmill.storage import file_mark
from tests.clips import clip, ffmpeg

HELD = {"recipe": "0" * 32, "source": "0f8fad5b-d9cb-469f-a165-70867728950e"}


@pytest.fixture
def video(tmp_path: Path) -> Path:
    return clip(tmp_path / "a.mp4", seconds=0.4, size="64x48", options=("-movflags", "+faststart"))


def test_it_is_read_back_and_replaced(video: Path) -> None:
    before = video.read_bytes()
    assert file_mark.read(video) is None
    file_mark.write(video, HELD)
    assert file_mark.read(video) == HELD
    marked = video.read_bytes()
    assert marked.startswith(before)
    file_mark.write(video, HELD)
    assert video.read_bytes() == marked
    file_mark.write(video, {"recipe": "1"})
    assert file_mark.read(video) == {"recipe": "1"}
    assert video.read_bytes().startswith(before)


def test_players_read_the_same(video: Path, tmp_path: Path) -> None:
    before, decoded = probe(video), check_whole(video)
    file_mark.write(video, HELD)
    after = probe(video)
    assert (after.duration, after.video, after.audio) == (before.duration, before.video, before.audio)
    assert check_whole(video).frames == decoded.frames
    ffmpeg("-xerror", "-i", video, "-c", "copy", tmp_path / "copy.mp4")
    assert file_mark.read(tmp_path / "copy.mp4") is None


@pytest.mark.parametrize("left", [b"", b"x", bytes(100), b"\xff" * 100, b"\0\0\0\x1cuuid" + bytes(16) + b"\0\0\0\x1c"])
def test_what_is_no_mark(tmp_path: Path, left: bytes) -> None:
    path = tmp_path / "a.mp4"
    path.write_bytes(left)
    assert file_mark.read(path) is None
