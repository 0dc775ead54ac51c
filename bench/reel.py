"""A reel to encode: varied images, long enough to be cut into chunks, drawn by ffmpeg itself."""

from __future__ import annotations

import subprocess
from fractions import Fraction
from pathlib import Path
from typing import Final

from sqlmodel import select

from reelmill.catalogue.engine import session
from reelmill.catalogue.models import Video
from reelmill.ffmpeg.demo_clips import DemoClip, Scene, draw_clips
from reelmill.ffmpeg.process.run import FfmpegRunner
from reelmill.operations.context import Workbench
from reelmill.operations.jobs.scan import scan
from reelmill.storage.media_root import PLAYBACK

_SHOTS: Final = ("fractal", "clock", "lichen", "dusk", "colony", "plasma")
#: Seconds of one round of them.
ROUND: Final = 30


def reel(bench: Workbench, rounds: int, size: tuple[int, int]) -> tuple[str, Path]:
    """Put so many rounds of the same shots into the library, 30 frames a second; returns id and file."""
    scenes = tuple(Scene(shot, ROUND // len(_SHOTS), tone=0) for shot in _SHOTS)
    once = DemoClip("round.mp4", *size, Fraction(30), scenes, audio=False)
    drawn = draw_clips(bench.root.path, FfmpegRunner(bench.transcoder.ffmpeg), (once,))[0]
    source = bench.root.folder("inbox") / "film.mp4"
    # Looped audio would have seams.
    tone = f"aevalsrc='0.2*sin(2000*t)*sin(t)':s=48000:d={rounds * ROUND}"
    command = [str(bench.transcoder.ffmpeg), "-v", "error", "-stream_loop", str(rounds - 1), "-i", str(drawn)]
    command += ["-f", "lavfi", "-i", tone, "-map", "0:v", "-map", "1:a", "-c:v", "copy", str(source)]
    subprocess.run(command, check=True)
    drawn.unlink()
    scan(bench.root, "inbox", directory_types=["inbox"], settle_seconds=0, report=bench.report)
    with session() as opened:
        return str(opened.exec(select(Video.id)).one()), source


def remade(bench: Workbench) -> None:
    """Forget what was made, so that the next run makes it again."""
    for path in (bench.root.path / PLAYBACK).iterdir():
        path.unlink()
