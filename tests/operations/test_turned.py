"""Videos that are turned by an odd angle or by marks in their bitstream: each job shows every frame the same way up."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import av
import numpy as np
import pytest
from numpy.typing import NDArray

from reelmill.ffmpeg.encoding import Encoding
from reelmill.ffmpeg.reading.probe import probe
from reelmill.ffmpeg.remux.mending import Fault
from reelmill.operations.context import Workbench
from reelmill.operations.jobs.compile_gif import compile_gif
from reelmill.operations.jobs.reencode import reencode
from reelmill.operations.jobs.thumbnail_generate import thumbnail
from reelmill.operations.web_copies.plan import PlanOptions, plan_library
from tests.clips import clip, ffmpeg
from tests.operations.library import add

_Pixels = NDArray[Any]


def _whole(folder: Path) -> Path:
    return clip(folder / "whole.mp4", sound=0)


def _copied(folder: Path, name: str, *reading: str, mark: str = "") -> Path:
    marking = ("-bsf:v", f"h264_metadata=display_orientation=insert:{mark}") if mark else ()
    ffmpeg(*reading, "-i", _whole(folder), "-c", "copy", *marking, folder / name)
    return folder / name


def _as_stored(pixels: _Pixels) -> _Pixels:
    return pixels


#: By name, what makes the source, what is to be mended of it, and how its frames are shown.
_SOURCES: Final[dict[str, tuple[Callable[[Path], Path], Fault, Callable[[_Pixels], _Pixels]]]] = {
    "by 45 degrees": (lambda at: _copied(at, "t.mp4", "-display_rotation", "45"), Fault.TILTED, _as_stored),
    "by 100 degrees": (lambda at: _copied(at, "t.mp4", "-display_rotation", "100"), Fault.TILTED, np.rot90),
    "by a mark": (lambda at: _copied(at, "t.mp4", mark="rotate=90"), Fault.TURNED, np.rot90),
    "by a mark in a broadcast": (lambda at: _copied(at, "t.ts", mark="rotate=90"), Fault.TURNED, np.rot90),
    "by a mark and mirrored": (
        lambda at: _copied(at, "t.mkv", mark="rotate=90:flip=horizontal"),
        Fault.TURNED,
        lambda pixels: np.rot90(pixels[:, ::-1]),
    ),
    "mirrored by a mark": (lambda at: _copied(at, "t.mkv", mark="flip=horizontal"), Fault.TURNED, np.fliplr),
    "otherwise by its container": (
        lambda at: _copied(at, "t.mp4", "-display_rotation", "180", mark="rotate=90"),
        Fault.TURNED,
        lambda pixels: np.rot90(pixels, 2),
    ),
}


def _frames(path: Path) -> list[_Pixels]:
    with av.open(str(path)) as container:
        return [frame.to_ndarray(format="rgb24").astype(int) for frame in container.decode(video=0)]


@pytest.mark.parametrize("name", _SOURCES)
def test_every_frame_is_turned_alike_in_each_job(bench: Workbench, tmp_path: Path, name: str) -> None:
    make, fault, turned = _SOURCES[name]
    source = Path(shutil.move(make(tmp_path), bench.root.folder("inbox")))
    stored = [turned(pixels) for pixels in _frames(_whole(tmp_path))]
    video = add(bench, source)
    (planned,) = plan_library(bench, None, PlanOptions(bench.transcoder, Encoding(), samples=False)).videos
    assert f"{fault.value}, so that a mended copy is read" in planned.reasons

    made = reencode(bench, str(video.id), preset="ultrafast", crf=12)
    copied = _frames(bench.root.path / made.path)
    assert not probe(bench.root.path / made.path).video.rotation
    assert len(copied) == len(stored) == 25
    assert max(_apart(one, other) for one, other in zip(copied, stored, strict=True)) < 8

    still = thumbnail(bench, str(video.id), timestamp=0.6, width=stored[0].shape[1])
    assert _apart(_frames(bench.root.path / still.path)[0], stored[15]) < 8
    moving = compile_gif(bench, str(video.id), start=0, duration=1, fps=5, width=stored[0].shape[1])
    shown = _frames(bench.root.path / moving.path)
    assert len(shown) == 5
    assert max(min(_apart(one, other) for other in stored) for one in shown) < 16


def _apart(one: _Pixels, other: _Pixels) -> float:
    """Mean difference of two frames, of 255; infinite where their sizes differ."""
    return float(abs(one - other).mean()) if one.shape == other.shape else float("inf")
