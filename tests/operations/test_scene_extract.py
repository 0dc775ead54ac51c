from __future__ import annotations

import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest

from reelmill.catalogue.engine import session
from reelmill.catalogue.facts.assets import assets_of
from reelmill.catalogue.models import AssetKind, Video
from reelmill.catalogue.videos.scenes import scenes_of
from reelmill.ffmpeg.reading.decode import check_whole
from reelmill.operations.context import Workbench
from reelmill.operations.jobs.scene_extract import scene_extract
from tests.clips import ffmpeg
from tests.operations.library import add

COLOURS = ("red", "lime", "blue")


@pytest.fixture
def video(bench: Workbench) -> Video:
    path = bench.root.folder("inbox") / "colours.mp4"
    inputs = [a for colour in COLOURS for a in ("-f", "lavfi", "-t", "2", "-i", f"color={colour}:s=160x90:r=25")]
    tone = ["-f", "lavfi", "-t", "6", "-i", "sine"]
    ffmpeg(*inputs, *tone, "-filter_complex", "concat=n=3", "-map", "3:a", "-pix_fmt", "yuv420p", path)
    return add(bench, path)


def _read(path: Path) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    pixels = cv2.imread(str(path))
    assert pixels is not None
    return np.asarray(pixels, np.uint8)


def _colour(path: Path) -> tuple[int, int, int]:
    blue, green, red = _read(path).mean(axis=(0, 1))
    return round(red), round(green), round(blue)


def test_every_scene_has_its_times_and_its_picture(bench: Workbench, video: Video) -> None:
    result = scene_extract(bench, str(video.id))
    assert [(scene.start, scene.end) for scene in result.scenes] == [(0, 2), (2, 4), (4, 6)]
    assert (result.cuts, result.fades) == (2, 0)
    for index, scene in enumerate(result.scenes):
        shown = _colour(bench.root.path / scene.picture)
        assert shown[index] > 200
        assert sum(shown) < 300
        assert scene.file is None
    with session() as opened:
        kinds = {(asset.kind, asset.number): asset.path for asset in assets_of(opened, video.id)}
        rows = scenes_of(opened, opened.get_one(Video, video.id))
    images = {(AssetKind.SCENE_IMAGE, number): scene.picture for number, scene in enumerate(result.scenes, 1)}
    assert kinds == images | {(AssetKind.CONTACT_SHEET, None): result.contact_sheet}
    assert [(row.number, row.starts_at, row.ends_at, row.image) for row in rows] == [
        (number, scene.start, scene.end, scene.picture) for number, scene in enumerate(result.scenes, 1)
    ]
    sheet = _read(bench.root.path / result.contact_sheet)
    assert sheet.shape[:2] == (120, 3 * 213)


def test_a_file_of_each_is_as_long_as_it(bench: Workbench, video: Video) -> None:
    result = scene_extract(bench, str(video.id), files=True)
    assert [scene.file for scene in result.scenes] == [f"clips/colours scene 000{n}.mp4" for n in (1, 2, 3)]
    for scene in result.scenes:
        report = check_whole(bench.root.path / str(scene.file))
        assert report.clean
        assert report.frames == 50
        assert report.audio_frames > 80


def test_what_was_made_is_found_and_what_is_gone_is_made_again(bench: Workbench, video: Video) -> None:
    first = scene_extract(bench, str(video.id), files=True)
    shutil.rmtree(bench.root.path / "thumbnails")
    (bench.root.path / "thumbnails").mkdir()
    again = scene_extract(bench, str(video.id), files=True)
    assert again.scenes == first.scenes
    assert all((bench.root.path / scene.picture).exists() for scene in again.scenes)
