"""A hole in a source's audio stays where it is in films, and what comes after it in step; jitter is no hole."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from reelmill.ffmpeg.verify.audio_lag import AudioPosition, measured_lag
from reelmill.operations.context import Workbench
from reelmill.operations.jobs.clip_generate import clip_generate
from reelmill.operations.jobs.compile_mega import compile_mega
from reelmill.operations.jobs.compile_quad import compile_quad
from reelmill.operations.jobs.highlight_generate import highlight_generate
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


#: Times that are off by up to 10 ms, back and forth, without going back.
_SHAKEN = "setts=ts='max(PREV_OUTPTS+1\\,TS+(mod(N*7919\\,21)-10)*0.001/TB)'"

_JOBS: dict[str, Callable[[Workbench, list[str]], Any]] = {
    "a sequence": lambda bench, ids: compile_mega(bench, ids[:2], layout="sequence"),
    "a grid": lambda bench, ids: compile_quad(bench, ids[:4]),
    "a grid of nine": lambda bench, ids: compile_mega(bench, ids, layout="3x3"),
    "a clip": lambda bench, ids: clip_generate(bench, ids[0], count=1, length=_SECONDS),
    "highlights": lambda bench, ids: highlight_generate(bench, ids[0], length=_SECONDS - 2),
}


def _made_of(bench: Workbench, source: Path, name: str) -> Path:
    """The film that a job makes of this source, which is the first, or only, one to be heard."""
    inbox = source.parent
    others = [clip(inbox / f"{n}.mp4", seconds=_SECONDS, size="96x64", sound=0) for n in range(8)]
    count = 9 if name == "a grid of nine" else 4
    _JOBS[name](bench, [str(video.id) for video in add_all(bench, [source, *others[: count - 1]])])
    (made,) = [path for path in bench.root.path.rglob("*.mp4") if not path.is_relative_to(inbox)]
    return made


@pytest.mark.parametrize("name", [name for name in _JOBS if name != "highlights"])
def test_what_follows_a_hole_is_in_step(bench: Workbench, name: str) -> None:
    source, at = _with_a_hole(bench.root.folder("inbox") / "hole.mkv"), _SECONDS - 2
    made = _made_of(bench, source, name)
    lag = measured_lag(AudioPosition(source, 0, at), AudioPosition(made, 0, at), 1.5)
    assert isinstance(lag, float)
    assert abs(lag) < 0.01


@pytest.mark.parametrize("name", _JOBS)
def test_times_that_jitter_are_no_holes(bench: Workbench, name: str) -> None:
    inbox = bench.root.folder("inbox")
    plain = clip(inbox / "plain.mkv", seconds=_SECONDS, options=["-c:a", "aac"])
    ffmpeg("-i", plain, "-c", "copy", "-bsf:a", _SHAKEN, inbox / "shaken.mkv")
    plain.unlink()
    with av.open(str(_made_of(bench, inbox / "shaken.mkv", name))) as container:
        heard = np.concatenate([frame.to_ndarray() for frame in container.decode(audio=0)], axis=1)[0]
    quiet = np.abs(heard[4800 : (_SECONDS - 3) * 48_000]) < 1e-4
    assert not np.lib.stride_tricks.sliding_window_view(quiet, 96).all(axis=1).any()  # 2 ms of silence in a tone
