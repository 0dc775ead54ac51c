"""A film to measure on: shots that have nothing in common, one after the other, with grain as a camera leaves it."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from reelmill.ffmpeg.binary import find_ffmpeg

_SHOTS: Final = (
    "testsrc2=size=1280x720",
    "mandelbrot=size=1280x720",
    "smptehdbars=size=1280x720",
    "gradients=x0=90:y0=60:x1=1200:y1=640:c0=0xc04020:c1=0x2040a0:size=1280x720",
    "life=ratio=0.3:mold=10:seed=5:size=80x45",
)
#: Grain as a film has it: of more than single pixels, and about 2 Mbit/s of it.
_GRAIN: Final = "scale=1280:720:flags=bilinear,noise=alls=14:all_seed=1:allf=t,gblur=sigma=0.8,format=yuv420p"
#: How long the shots of a film are, in frames: 24 of them.
LENGTHS: Final = (90, 61, 133, 47, 75, 110, 38, 95) * 3
#: Frames made of each shot, and how much later in it each of its uses begins.
_MADE: Final = 290
_LATER: Final = 39


def films(folder: Path, rate: int, encoders: dict[str, Sequence[str]]) -> None:
    """Make the same film in 720p, H.264 by x264, once for each of some options of it.

    Args:
        folder: where it becomes ``<name>.mp4``.
        rate: frames a second.
        encoders: options of ffmpeg, by name.
    """
    for number, shot in enumerate(_SHOTS):
        made = ["-frames:v", str(_MADE), "-c:v", "libx264", "-preset", "ultrafast", "-qp", "12"]
        ffmpeg("-f", "lavfi", "-i", f"{shot}:rate={rate},{_GRAIN}", *made, str(folder / f"shot{number}.mp4"))
    inputs: list[str] = []
    for number, length in enumerate(LENGTHS):
        use, shot_number = divmod(number, len(_SHOTS))
        begin, seconds = str(use * _LATER / rate), str(length / rate)
        inputs += ["-ss", begin, "-t", seconds, "-i", str(folder / f"shot{shot_number}.mp4")]
    joined = ["-filter_complex", f"concat=n={len(LENGTHS)}", "-c:v", "libx264", "-preset", "veryfast", "-crf", "26"]
    for name, options in encoders.items():
        ffmpeg(*inputs, *joined, *options, str(folder / f"{name}.mp4"))


def ffmpeg(*arguments: str) -> None:
    """Run ffmpeg."""
    subprocess.run([str(find_ffmpeg()), "-v", "error", "-y", *arguments], check=True)
