from __future__ import annotations

import math
from pathlib import Path

import pytest

from reelmill.analysis.frames.time_ranges import TimeRange
from reelmill.analysis.scoring.signals import measure
from reelmill.analysis.tagging.rules import colour, tags
from reelmill.ffmpeg.reading.probe import probe
from tests.clips import ffmpeg


def _tags(path: Path, cuts: int = 0) -> dict[str, float]:
    info = probe(path)
    signals = measure(TimeRange(str(path), 0, math.ceil(info.duration or 0)))
    return {tag.name: tag.confidence for tag in tags(info, signals, cuts)}


def _clip(folder: Path, pattern: str, *sound: str, seconds: int = 5) -> Path:
    ffmpeg("-f", "lavfi", "-i", pattern, *sound, "-t", str(seconds), "-c:v", "libx264", "-preset", "ultrafast",
           "-pix_fmt", "yuv420p", folder / "a.mp4")  # fmt: skip
    return folder / "a.mp4"


@pytest.mark.parametrize(
    ("rgb", "name"),
    [
        ((0, 0, 0), "black"), ((1, 1, 1), "white"), ((0.5, 0.5, 0.5), "grey"), ((1, 0, 0), "red"),
        ((1, 0.5, 0), "orange"), ((1, 1, 0), "yellow"), ((0, 1, 0), "green"), ((0, 1, 1), "cyan"),
        ((0, 0, 1), "blue"), ((0.5, 0, 1), "purple"), ((1, 0.2, 0.7), "pink"), ((0.45, 0.3, 0.15), "brown"),
        ((0.95, 0, 0.1), "red"),
    ],
)  # fmt: skip
def test_colours_have_their_everyday_names(rgb: tuple[float, float, float], name: str) -> None:
    assert colour(*rgb) == name


def test_a_dark_grey_standing_frame_without_audio(tmp_path: Path) -> None:
    found = _tags(_clip(tmp_path, "color=0x343434:s=320x180:r=25"))
    assert {"landscape", "small", "dark", "black-and-white", "static-camera", "no-sound", "slow-paced"} <= set(found)
    assert found["landscape"] == found["no-sound"] == 1
    assert not {"bright", "faces", "speech", "music"} & set(found)


def test_a_bright_upright_red_one_with_a_tone(tmp_path: Path) -> None:
    found = _tags(_clip(tmp_path, "color=0xff9090:s=720x1280:r=10", "-f", "lavfi", "-i", "sine=frequency=440"))
    assert {"portrait", "720p", "bright", "music"} <= set(found)
    assert not {"black-and-white", "silence", "no-sound", "dark"} & set(found)
    assert "colour-red" in _tags(_clip(tmp_path, "color=red:s=160x160:r=10"))


def test_an_empty_track_is_silence_rather_than_no_audio(tmp_path: Path) -> None:
    found = _tags(_clip(tmp_path, "testsrc2=s=160x90:r=25", "-f", "lavfi", "-i", "anullsrc"))
    assert "silence" in found
    assert "no-sound" not in found


def test_a_moving_camera_is_not_static_and_something_moving_in_front_of_a_standing_one_is(tmp_path: Path) -> None:
    noise = "nullsrc=s=1280x360:r=25,geq='128+90*sin(X/23)*cos(Y/31)':128:128"
    pan = _clip(tmp_path, f"{noise},crop=640:360:'40*t':0")
    assert "static-camera" not in _tags(pan)
    stands = f"{noise},crop=640:360:0:0,drawbox=x='200+20*t':y=120:w=80:h=80:color=white:t=fill"
    assert "static-camera" in _tags(_clip(tmp_path, stands))


@pytest.mark.parametrize(("cuts", "pace"), [(0, "slow-paced"), (1, "medium-paced"), (5, "fast-paced")])
def test_pace_is_cuts_a_minute(tmp_path: Path, cuts: int, pace: str) -> None:
    assert pace in _tags(_clip(tmp_path, "testsrc2=s=160x90:r=25"), cuts)


@pytest.mark.real_media
@pytest.mark.parametrize(
    ("name", "there", "not_there"),
    [
        ("chaplin.mp4", {"black-and-white", "music", "landscape"}, {"faces", "speech"}),
        ("asl_eat.mkv", {"faces", "no-sound"}, {"black-and-white"}),
        ("video_vp9_opus.webm", {"speech"}, {"music"}),
        ("multi_audio_subs.mkv", {"music"}, {"speech"}),
        ("friday.mp4", {"black-and-white", "480p"}, {"silence"}),
        ("rotated_video.mp4", {"portrait", "480p"}, {"landscape"}),
        ("man-on-green-screen.mp4", {"colour-green", "720p"}, {"black-and-white"}),
        ("rotated_hdr_video.mov", {"hdr"}, set()),
    ],
)
def test_real_videos_are_called_what_they_are(
    real_media: Path, name: str, there: set[str], not_there: set[str]
) -> None:
    found = set(_tags(real_media / name))
    assert there <= found
    assert not not_there & found
