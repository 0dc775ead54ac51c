"""A hole in a source's audio stays where it is in films: what comes after it is in step with the frames."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from reelmill.ffmpeg.verify.audio_lag import AudioPosition, measured_lag
from reelmill.operations.context import Workbench
from reelmill.operations.jobs.clip_generate import clip_generate
from reelmill.operations.jobs.compile_mega import compile_mega
from reelmill.operations.jobs.compile_quad import compile_quad
from tests.clips import clip, ffmpeg
from tests.operations.library import add_all

_SECONDS = 6
#: Audio that is like itself nowhere else.
_HEARD = f"aevalsrc=0.3*sin(2000*t+40*sin(7*t)):s=48000:d={_SECONDS}"


def _with_a_hole(path: Path) -> Path:
    """A recording that lost three packets of audio, 64 ms: less than ffmpeg fills by itself."""
    whole, frames = path.with_name("whole.mkv"), clip(path.with_name("frames.mp4"), seconds=_SECONDS, sound=0)
    ffmpeg("-i", frames, "-f", "lavfi", "-i", _HEARD, "-c:v", "copy", "-c:a", "aac", whole)
    ffmpeg("-i", whole, "-c", "copy", "-bsf:a", "noise=drop='between(n,40,42)'", path)
    whole.unlink()
    frames.unlink()
    return path


_JOBS: dict[str, Callable[[Workbench, list[str]], Any]] = {
    "a sequence": lambda bench, ids: compile_mega(bench, ids[:2], layout="sequence"),
    "a grid": lambda bench, ids: compile_quad(bench, ids),
    "a clip": lambda bench, ids: clip_generate(bench, ids[0], count=1, length=_SECONDS),
}


@pytest.mark.parametrize("name", _JOBS)
def test_what_follows_a_hole_is_in_step(bench: Workbench, name: str) -> None:
    inbox, at = bench.root.folder("inbox"), _SECONDS - 2
    source = _with_a_hole(inbox / "hole.mkv")
    others = [clip(inbox / f"{n}.mp4", seconds=_SECONDS, size="96x64", sound=0) for n in range(3)]
    _JOBS[name](bench, [str(video.id) for video in add_all(bench, [source, *others])])
    (made,) = [path for path in bench.root.path.rglob("*.mp4") if path.parent != inbox]
    lag = measured_lag(AudioPosition(source, 0, at), AudioPosition(made, 0, at), 1.5)
    assert isinstance(lag, float)
    assert abs(lag) < 0.01
