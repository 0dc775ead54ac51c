"""A mark in an image, a GIF or a WebVTT: read back, replaced, and nothing to whoever shows it."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from reelmill.ffmpeg.reading.decode import check_whole
from reelmill.storage import file_mark
from tests.clips import clip, ffmpeg

HELD = {"content": "1" * 32, "recipe": "0" * 32, "source": "0f8fad5b-d9cb-469f-a165-70867728950e"}
LONG = {"recipe": "0" * 600}
_VTT = "WEBVTT\n\nNOTE {}\n\n00:00:00.000 --> 00:00:01.000\na.jpg#xywh=0,0,1,1\n"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """A file of each format, as our own jobs write them."""
    folder = tmp_path_factory.mktemp("marks")
    video = clip(folder / "a.mp4", seconds=0.4, size="64x48", sound=0)
    ffmpeg("-i", video, "-loop", "0", folder / "a.gif")
    ffmpeg("-i", video, "-frames:v", "1", folder / "still.jpg")
    cv2.imwrite(str(folder / "a.jpg"), np.random.default_rng(7).integers(0, 255, (48, 64, 3), np.uint8))
    (folder / "a.vtt").write_text(_VTT)
    return {name: (folder / name).read_bytes() for name in ("a.mp4", "a.gif", "a.jpg", "still.jpg", "a.vtt")}


@pytest.mark.parametrize("name", ["a.mp4", "a.gif", "a.jpg", "still.jpg", "a.vtt"])
def test_it_is_read_back_and_replaced(made: dict[str, bytes], tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.write_bytes(made[name])
    assert file_mark.read(path) is None
    file_mark.write(path, HELD)
    assert file_mark.read(path) == HELD
    marked = path.read_bytes()
    file_mark.write(path, LONG)
    assert file_mark.read(path) == LONG
    file_mark.write(path, HELD)
    file_mark.write(path, HELD)
    assert path.read_bytes() == marked


@pytest.mark.parametrize("name", ["a.jpg", "still.jpg"])
def test_an_image_shows_the_same(made: dict[str, bytes], tmp_path: Path, name: str) -> None:
    before, path = tmp_path / "before.jpg", tmp_path / "after.jpg"
    for one in (before, path):
        one.write_bytes(made[name])
    file_mark.write(path, HELD)
    assert path.read_bytes()[:4] == made[name][:4]  # JFIF's segment stays the first
    assert np.array_equal(np.asarray(cv2.imread(str(path))), np.asarray(cv2.imread(str(before))))
    with Image.open(path) as ours, Image.open(before) as theirs:
        assert ours.tobytes() == theirs.tobytes()


def test_a_gif_plays_the_same(made: dict[str, bytes], tmp_path: Path) -> None:
    before, path = tmp_path / "before.gif", tmp_path / "after.gif"
    for one in (before, path):
        one.write_bytes(made["a.gif"])
    file_mark.write(path, LONG)
    now, then = check_whole(path), check_whole(before)
    assert (now.clean, now.frames, now.video_length) == (True, then.frames, then.video_length)
    with Image.open(path) as ours, Image.open(before) as theirs:
        assert (ours.n_frames, ours.info["loop"]) == (theirs.n_frames, 0)
        for number in range(theirs.n_frames):
            ours.seek(number)
            theirs.seek(number)
            assert ours.convert("RGB").tobytes() == theirs.convert("RGB").tobytes()


def test_a_webvtt_has_the_same_cues(made: dict[str, bytes], tmp_path: Path) -> None:
    path = tmp_path / "a.vtt"
    path.write_bytes(made["a.vtt"])
    file_mark.write(path, HELD)
    assert path.read_bytes().startswith(made["a.vtt"])
    ffmpeg("-xerror", "-i", path, tmp_path / "b.srt")
    assert (tmp_path / "b.srt").read_text().split("\n")[:3] == [
        "1",
        "00:00:00,000 --> 00:00:01,000",
        "a.jpg#xywh=0,0,1,1",
    ]


@pytest.mark.parametrize("name", ["a.jpg", "a.gif", "a.vtt", "a.png"])
@pytest.mark.parametrize(
    "held",
    [
        b"",
        b"x",
        b"\xff\xd8\xff\xfe",
        b"\xff\xd8\xff\xfe\xff\xff",
        b"GIF8;",
        b"reelmill ",
        b"reelmill {}\0;",
        b"\xff" * 99,
    ],
    ids=range(8),
)
def test_what_is_no_mark(tmp_path: Path, name: str, held: bytes) -> None:
    path = tmp_path / name
    path.write_bytes(held)
    assert file_mark.read(path) is None
    file_mark.write(path, HELD)  # what is none of ours is left as it is, or still begins as it did
    assert path.read_bytes()[:2] == held[:2]
