"""What a pair of frames says: pure judgement, and the rasters it stands on."""

from __future__ import annotations

from pathlib import Path

import av
import numpy as np
import pytest

from reelmill.ffmpeg.finding import FindingKind
from reelmill.ffmpeg.reading.frames.raster import SIDE, Box, Planes, Raster, raster
from reelmill.ffmpeg.verify.matches.frames_match import Judge
from tests.clips import ffmpeg

_RANDOM = np.random.default_rng(1)


def _raster(planes: Planes) -> Raster:
    return Raster(planes.astype(np.float16).tobytes())


def _scene() -> Planes:
    """Light above, dark below, a bright spot at the left, warm colours."""
    down, across = np.mgrid[0:SIDE, 0:SIDE] / SIDE
    bright = 0.7 - 0.5 * down + 0.2 * (across < 0.3) * (down > 0.6)
    return np.stack([bright, np.full_like(bright, -0.1), 0.1 + 0.1 * across]).astype(np.float32)


_SCENE = _scene()
_DARK = np.stack([0.02 + 0.03 * _SCENE[0], 0 * _SCENE[1], 0 * _SCENE[2]])


def _levels(slope: float, offset: float) -> Planes:
    return np.stack([slope * _SCENE[0] + offset, *_SCENE[1:]])


_NOISE = _SCENE + _RANDOM.normal(0, 0.03, _SCENE.shape).astype(np.float32)

#: A source's frame, the copy's, what is said.
_CASES: dict[str, tuple[Planes, Planes, FindingKind | None]] = {
    "the same": (_SCENE, _SCENE, None),
    "coded badly": (_SCENE, _NOISE, None),
    "a little brighter": (_SCENE, _levels(1, 0.1), None),
    "black": (_SCENE, 0 * _SCENE, FindingKind.BLACK),
    "grey": (_SCENE, np.stack([0 * _SCENE[0] + 0.4, *_SCENE[1:]]), FindingKind.PLAIN),
    "negative": (_SCENE, np.stack([1 - _SCENE[0], *-_SCENE[1:]]), FindingKind.UPSIDE_DOWN),  # this scene's is like that
    "upside down": (_SCENE, _SCENE[:, ::-1], FindingKind.UPSIDE_DOWN),
    "colourless": (_SCENE, np.stack([_SCENE[0], 0 * _SCENE[1], 0 * _SCENE[2]]), FindingKind.COLOURLESS),
    "colours swapped": (_SCENE, _SCENE[[0, 2, 1]], FindingKind.OTHER_COLOURS),
    "levels stretched": (_SCENE, _levels(255 / 219, -16 / 219), FindingKind.TOO_MUCH_CONTRAST),
    "levels squeezed": (_SCENE, _levels(219 / 255, 16 / 255), FindingKind.TOO_LITTLE_CONTRAST),
    "much darker": (_SCENE, _levels(0.4, 0), FindingKind.DARKER),
    "much brighter": (_SCENE, _levels(0.5, 0.5), FindingKind.BRIGHTER),
    "all but black in the source": (_DARK, 0 * _DARK, None),
    "noise of the dark": (_DARK, np.abs(_NOISE - _SCENE), None),
    "black in both": (0 * _SCENE, 0 * _SCENE, None),
}


@pytest.mark.parametrize("name", _CASES)
def test_a_pair(name: str) -> None:
    wanted, got, said = _CASES[name]
    assert Judge().fault(_raster(wanted), [_raster(got)]) is said


def test_one_right_frame_around_is_enough() -> None:
    around = [_raster(0 * _SCENE), _raster(_SCENE), _raster(_SCENE[:, ::-1])]
    assert Judge().fault(_raster(_SCENE), around) is None
    assert Judge().fault(_raster(_SCENE), around[:1]) is FindingKind.BLACK


def test_a_tone_curve_is_no_fault_where_one_was_meant() -> None:
    mapped = _raster(np.stack([_SCENE[0] ** 0.3, *2 * _SCENE[1:]]))
    assert Judge(mapped=True).fault(_raster(_SCENE), [mapped]) is None
    assert Judge().fault(_raster(_SCENE), [mapped]) is FindingKind.BRIGHTER
    assert Judge(mapped=True).fault(_raster(_SCENE), [_raster(0 * _SCENE)]) is FindingKind.BLACK


#: How a frame that is white at the left and red at the right is stored.
_STORED = {
    "limited": ["-pix_fmt", "yuv420p", "-c:v", "libx264", "-qp", "0"],
    "full": ["-pix_fmt", "yuvj420p", "-c:v", "mjpeg", "-q:v", "1"],
    "ten_bits": ["-pix_fmt", "yuv420p10le", "-c:v", "ffv1"],
    "rgb": ["-pix_fmt", "bgr0", "-c:v", "ffv1"],
    "packed": ["-pix_fmt", "yuyv422", "-c:v", "rawvideo"],
}


@pytest.mark.parametrize("name", _STORED)
def test_a_raster_is_the_same_however_it_is_stored(tmp_path: Path, name: str) -> None:
    path = tmp_path / f"{name}.mkv"
    graph = "color=red:s=96x64:d=0.1:r=10,format=rgb24,drawbox=0:0:48:64:white:fill"
    ffmpeg("-f", "lavfi", "-i", graph, *_STORED[name], path)
    with av.open(str(path)) as container:
        frame = next(container.decode(video=0))
        whole, right = raster(frame).planes, raster(frame, Box(0.5, 0, 0.5, 1)).planes
    assert whole[0, 16, [2, 29]] == pytest.approx([1.0, 0.299], abs=0.02)
    assert whole[2, 16, [2, 29]] == pytest.approx([0.0, 0.5], abs=0.02)
    assert right[0, 16, [2, 29]] == pytest.approx([0.299, 0.299], abs=0.02)


@pytest.mark.parametrize("turned", [90, 180, 270])
def test_a_raster_stands_upright(tmp_path: Path, turned: int) -> None:
    plain, path = tmp_path / "plain.mp4", tmp_path / "turned.mp4"
    ffmpeg("-f", "lavfi", "-i", "testsrc2=s=128x64:d=0.2:r=10", "-pix_fmt", "yuv420p", "-qp", "0", plain)
    ffmpeg("-display_rotation", str(turned), "-i", plain, "-c", "copy", path)
    upright = tmp_path / "upright.mp4"
    ffmpeg("-i", path, "-qp", "0", upright)  # turned by ffmpeg itself
    rasters = []
    for one in (path, upright):
        with av.open(str(one)) as container:
            rasters.append(raster(next(container.decode(video=0))).planes)
    assert np.abs(rasters[0] - rasters[1]).max() < 0.02
