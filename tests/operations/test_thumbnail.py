from __future__ import annotations

import random
import shutil
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from reelmill.catalogue.engine import session
from reelmill.catalogue.facts.assets import assets_of
from reelmill.catalogue.models import AssetKind
from reelmill.catalogue.videos import searching
from reelmill.errors import WrongParameter
from reelmill.operations.context import Workbench
from reelmill.operations.derived import previews
from reelmill.operations.jobs.thumbnail_generate import thumbnail
from tests.clips import clip, ffmpeg, three_colours
from tests.operations.library import add
from tests.refusals import refused


@pytest.fixture
def colours(bench: Workbench) -> Path:
    """Red, green, blue: a second of each."""
    return three_colours(bench.root.folder("inbox") / "colours.mp4")


def _mean(bench: Workbench, relative: str) -> list[int]:
    pixels = cv2.imread(str(bench.root.path / relative))
    assert pixels is not None
    return [round(float(value) / 255) for value in np.asarray(pixels).reshape(-1, 3).mean(axis=0)[::-1]]


@pytest.mark.parametrize(
    ("at", "rgb"),
    [(0, [1, 0, 0]), (0.95, [1, 0, 0]), (1.0, [0, 1, 0]), (1.9, [0, 1, 0]), (2.0, [0, 0, 1]), (2.99, [0, 0, 1])],
)
def test_a_given_moment_is_exact(bench: Workbench, colours: Path, at: float, rgb: list[int]) -> None:
    result = thumbnail(bench, str(add(bench, colours).id), timestamp=at)
    assert _mean(bench, result.path) == rgb
    assert (result.exact, result.width, result.height) == (True, 640, 480)


def test_the_default_is_the_keyframe_before_a_quarter_and_becomes_the_videos(bench: Workbench, colours: Path) -> None:
    video = add(bench, colours)
    result = thumbnail(bench, str(video.id), width=320)
    assert not result.exact
    assert _mean(bench, result.path) == [1, 0, 0]
    with session() as opened:
        assert searching.get_video(opened, video.id).thumbnail_path == result.path
        (asset,) = assets_of(opened, video.id)
        assert (asset.kind, asset.path, asset.number) == (AssetKind.THUMBNAIL, result.path, None)
        assert asset.size == (bench.root.path / result.path).stat().st_size
    again = thumbnail(bench, str(video.id), width=320)
    assert again == result
    assert len(list((bench.root.path / "thumbnails").rglob("*.jpg"))) == 1


def test_a_keyframe_amid_damaged_frames_is_a_thumbnail(bench: Workbench, tmp_path: Path) -> None:
    moving = ["-f", "lavfi", "-i", "testsrc2=s=320x240:r=25:d=2", "-c:v", "libx264", "-crf", "12", "-g", "50"]
    whole = tmp_path / "whole.mp4"
    ffmpeg(*moving, whole)
    damaged = _damaged_but_for_keyframes(whole, bench.root.folder("inbox") / "damaged.mp4")
    made = thumbnail(bench, str(add(bench, damaged).id), width=320)
    shown, first = (cv2.imread(str(path)) for path in (bench.root.path / made.path, _first_frame(whole)))
    assert np.abs(np.asarray(shown, int) - np.asarray(first, int)).mean() < 4


def _damaged_but_for_keyframes(source: Path, target: Path) -> Path:
    data = bytearray(source.read_bytes())
    with av.open(str(source)) as container:
        for packet in container.demux(video=0):
            if packet.size and not packet.is_keyframe:
                assert packet.pos is not None
                data[packet.pos : packet.pos + packet.size] = random.Random(packet.pos).randbytes(packet.size)
    target.write_bytes(data)
    return target


def _first_frame(video: Path) -> Path:
    image = video.with_suffix(".png")
    ffmpeg("-i", video, "-frames:v", "1", image)
    return image


@pytest.mark.parametrize("at", [-1.0, 3.0, 1e9])
def test_a_moment_outside_the_video_is_refused(bench: Workbench, colours: Path, at: float) -> None:
    with refused(WrongParameter, parameter="timestamp", value=at):
        thumbnail(bench, str(add(bench, colours).id), timestamp=at)
    assert not list((bench.root.path / "thumbnails").rglob("*.jpg"))


def test_pixels_that_are_not_square(bench: Workbench) -> None:
    path = clip(bench.root.folder("inbox") / "wide.mp4", size="160x120", options=["-vf", "setsar=2"])
    result = thumbnail(bench, str(add(bench, path).id), width=320)
    assert (result.width, result.height) == (320, 120)


def test_a_turned_picture_stands_upright(bench: Workbench, tmp_path: Path) -> None:
    half = "color=white:s=80x120:d=1[w];color=black:s=80x120:d=1[b];[w][b]hstack"
    ffmpeg("-f", "lavfi", "-i", half, "-c:v", "libx264", "-pix_fmt", "yuv420p", tmp_path / "flat.mp4")
    turned = bench.root.folder("inbox") / "turned.mp4"
    ffmpeg("-display_rotation:v:0", "-90", "-i", tmp_path / "flat.mp4", "-c", "copy", turned)  # 90 degrees clockwise
    video = add(bench, turned)
    assert (video.rotation, video.orientation) == (90, "portrait")
    result = thumbnail(bench, str(video.id), width=120)
    assert (result.width, result.height) == (120, 160)
    for jpeg in ((bench.root.path / result.path).read_bytes(), previews.of_video(turned, 0)):
        pixels = np.asarray(cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_GRAYSCALE))
        height = pixels.shape[0]
        assert pixels[: height // 3].mean() > 200  # what was left is on top
        assert pixels[-height // 3 :].mean() < 50


def test_a_strip_shows_each_moment(colours: Path) -> None:
    pixels = np.asarray(cv2.imdecode(np.frombuffer(previews.strip(colours, [0, 1.2, 2.5]), np.uint8), cv2.IMREAD_COLOR))
    thirds = [part.reshape(-1, 3).mean(axis=0).argmax() for part in np.array_split(pixels, 3, axis=1)]
    assert thirds == [2, 1, 0]  # blue, green, red: OpenCV's order


def test_a_preview_is_of_its_moment_and_small(tmp_path: Path) -> None:
    """Noise, which JPEG cannot shrink, then white, with one keyframe at the start of all."""
    noisy = "nullsrc=s=640x360:d=1:r=10,geq=random(1)*255:128:128[a];color=white:s=640x360:d=1:r=10[b];[a][b]concat"
    video = tmp_path / "noisy.mp4"
    ffmpeg("-filter_complex", noisy, "-c:v", "libx264", "-g", "100", "-sc_threshold", "0", "-pix_fmt", "yuv420p", video)
    assert len(previews.strip(video, [0.1 * number for number in range(10)])) <= previews.MAX_BYTES
    white = np.asarray(cv2.imdecode(np.frombuffer(previews.of_video(video, 1.5), np.uint8), cv2.IMREAD_GRAYSCALE))
    assert white.min() > 200


@pytest.mark.real_media
def test_a_video_whose_edit_list_begins_past_its_keyframe(bench: Workbench, real_media: Path) -> None:
    shutil.copy(real_media / "fixture.mov", bench.root.folder("inbox"))
    result = thumbnail(bench, str(add(bench, bench.root.folder("inbox") / "fixture.mov").id), width=134)
    assert (result.width, result.height) == (134, 78)
