"""No image is published that does not show the frame of its video: thumbnails, scenes, contact sheets, storyboards."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import av
import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from reelmill.ffmpeg.finding import FindingKind
from reelmill.ffmpeg.reading.frames.raster import FINE_SIDE
from reelmill.ffmpeg.verify.matches.image_match import ImageSource, image_fault
from reelmill.operations.context import Workbench
from reelmill.operations.jobs.scene_extract import scene_extract
from reelmill.operations.jobs.thumbnail_generate import thumbnail
from tests.clips import BEYOND_RANGE, BEYOND_RGB, ffmpeg
from tests.operations.library import add, files
from tests.refusals import rejected

_K = FindingKind
Pixels = NDArray[np.uint8]


def _black(pixels: Pixels) -> Pixels:
    return np.zeros_like(pixels)


def _colourless(pixels: Pixels) -> Pixels:
    return np.repeat(pixels.mean(axis=2, keepdims=True).astype(np.uint8), 3, axis=2)


def _squeezed(pixels: Pixels) -> Pixels:
    return (16 + pixels * (219 / 255)).astype(np.uint8)


def _noise(pixels: Pixels) -> Pixels:
    return np.random.default_rng(1).integers(0, 255, pixels.shape).astype(np.uint8)


#: How an image is spoilt, and what that is found out as.
_SPOILT: dict[str, tuple[Callable[[Pixels], Pixels], FindingKind]] = {
    "black": (_black, _K.BLACK),
    "grey": (lambda pixels: np.full_like(pixels, 128), _K.PLAIN),
    "negative": (lambda pixels: 255 - pixels, _K.NEGATIVE),
    "upside down": (lambda pixels: pixels[::-1], _K.UPSIDE_DOWN),
    "mirrored": (lambda pixels: pixels[:, ::-1], _K.MIRRORED),
    "colourless": (_colourless, _K.COLOURLESS),
    "red for blue": (lambda pixels: pixels[..., ::-1], _K.OTHER_COLOURS),
    "limited range, taken for full": (_squeezed, _K.TOO_LITTLE_CONTRAST),
    "noise": (_noise, _K.OTHER_FRAME),
}


@pytest.fixture(scope="module")
def frames(tmp_path_factory: pytest.TempPathFactory) -> list[av.VideoFrame]:
    """One of colour bars, which declares what its colours are; and a quite different one after it."""
    path = tmp_path_factory.mktemp("frames") / "frames.mp4"
    shown = "smptehdbars=s=640x360:r=2:d=0.5[a];mandelbrot=s=640x360:r=2,trim=duration=0.5,setsar=1[b];[a][b]concat"
    tags = "scale=out_color_matrix=bt709:out_range=tv,format=yuv420p"
    ffmpeg(
        "-f", "lavfi", "-i", f"{shown},{tags}", "-colorspace", "bt709", "-c:v", "libx264", "-preset", "veryfast", path
    )
    with av.open(str(path)) as container:
        return list(container.decode(video=0))


def _drawn(frame: av.VideoFrame, width: int, height: int) -> Pixels:
    """As a JPEG keeps it."""
    pixels = frame.to_ndarray(format="bgr24", width=width, height=height, interpolation="AREA")
    _, jpeg = cv2.imencode(".jpg", pixels, [cv2.IMWRITE_JPEG_QUALITY, 75])
    read = cv2.imdecode(jpeg, cv2.IMREAD_COLOR)
    assert read is not None
    return np.asarray(read, np.uint8)


@pytest.mark.parametrize("size", [(640, 360), (160, 90)])
def test_an_image_is_held_against_its_frame(frames: list[av.VideoFrame], size: tuple[int, int]) -> None:
    image, source = _drawn(frames[0], *size), ImageSource.of(frames[0], 0.0)
    assert image_fault(image, source) is None
    for name, (spoil, kind) in _SPOILT.items():
        if kind is _K.TOO_LITTLE_CONTRAST and size[1] < FINE_SIDE:
            continue
        fault = image_fault(np.ascontiguousarray(spoil(image)), source)
        assert fault is not None, name
        assert fault.kind is kind, name
    other = image_fault(_drawn(frames[1], *size), source)
    assert other is not None
    assert other.kind is _K.OTHER_FRAME


def test_a_large_image_is_held_against_its_frame_more_closely(frames: list[av.VideoFrame]) -> None:
    image, source = _drawn(frames[0], 640, 360), ImageSource.of(frames[0], 0.0)
    cropped = np.asarray(cv2.resize(image[20:-20, 30:-30], (640, 360)), np.uint8)
    shifted = np.ascontiguousarray(np.roll(image, 24, axis=1))
    assert [fault and fault.kind for fault in (image_fault(cropped, source), image_fault(shifted, source))] == [
        _K.CROPPED, _K.SHIFTED,
    ]  # fmt: skip


@pytest.mark.parametrize("shown", [BEYOND_RANGE, BEYOND_RGB])
def test_what_rgb_does_not_hold_is_cut_off_in_an_image(tmp_path_factory: pytest.TempPathFactory, shown: str) -> None:
    """Also where it is so in single pixels, and nowhere in the mean of many."""
    path = tmp_path_factory.mktemp("beyond") / "beyond.mkv"
    ffmpeg("-f", "lavfi", "-i", shown, "-frames:v", "1", "-c:v", "libx264", "-qp", "0", path)
    with av.open(str(path)) as container:
        frame = next(container.decode(video=0))
    drawn, source = _drawn(frame, 320, 240), ImageSource.of(frame, 0.0)
    assert image_fault(drawn, source) is None
    mirrored = image_fault(np.ascontiguousarray(drawn[:, ::-1]), source)
    assert mirrored is not None
    assert mirrored.kind is FindingKind.MIRRORED


def test_of_a_frame_with_alpha_nothing_is_said() -> None:
    frame = av.VideoFrame(64, 48, "yuva420p")
    assert image_fault(np.full((48, 64, 3), 200, np.uint8), ImageSource.of(frame, 0.0)) is None


@pytest.fixture
def video_id(bench: Workbench) -> str:
    path = bench.root.folder("inbox") / "moving.mp4"
    path.parent.mkdir(parents=True, exist_ok=True)
    shown = "testsrc2=s=160x120:r=10:d=2,scale=out_range=tv,format=yuv420p"
    ffmpeg("-f", "lavfi", "-i", shown, "-c:v", "libx264", "-preset", "ultrafast", "-g", "10", path)
    return str(add(bench, path).id)


#: What makes images by itself, one of them black for a single call of the encoder.
_JOBS: dict[str, Callable[[Workbench, str], Any]] = {
    "an image of a scene": lambda bench, video: scene_extract(bench, video),
    "a contact sheet": lambda bench, video: scene_extract(bench, video),
    "a storyboard": lambda bench, video: thumbnail(bench, video, storyboard=True),
}


@pytest.mark.parametrize("name", _JOBS)
@pytest.mark.parametrize("spoilt", ["black", "mirrored"])
def test_a_spoilt_image_is_not_published(
    bench: Workbench, video_id: str, monkeypatch: pytest.MonkeyPatch, name: str, spoilt: str
) -> None:
    spoil, kind = _SPOILT[spoilt]
    encode, calls = cv2.imencode, list[str]()

    def spoiling(ending: str, pixels: Pixels, options: list[int]) -> Any:
        calls.append(ending)
        wanted = len(calls) == (2 if name == "a contact sheet" else 1)
        return encode(ending, np.ascontiguousarray(spoil(pixels)) if wanted else pixels, options)

    monkeypatch.setattr(cv2, "imencode", spoiling)
    with rejected(kind):
        _JOBS[name](bench, video_id)
    made = [path.name for path in files(bench.root) if "thumbnails" in path.parts]
    assert len(made) == {"an image of a scene": 0, "a contact sheet": 1, "a storyboard": 1}[name]
    assert not list(bench.root.work.iterdir())
    _JOBS[name](bench, video_id)  # the next one is good
