"""``scenes``: CPU of PySceneDetect over ours on the same 720p film, and how well each finds its cuts."""

from __future__ import annotations

import csv
import json
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

from bench.harness import Row, compare, cpu
from reelmill.ffmpeg.binary import find_ffmpeg

#: Shots that have nothing in common, with some grain; how long each is, in pictures.
_SHOTS: Final = ("testsrc2", "mandelbrot", "smptehdbars", "gradients=seed=3", "life=ratio=0.3:mold=10:seed=5")
_LENGTHS: Final = (90, 61, 133, 47, 75, 110, 38, 95)
_ROUNDS: Final = 5
_RATE: Final = 25
_LIMIT: Final = "every picture is decoded (half of it) and made small (a third)"


def run(runs: int) -> Row:
    """Measure."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        film, truth = _film(folder)
        binaries = Path(sys.executable).parent
        ours = [str(binaries / "reelmill"), "scenes", str(film), "--output", "json"]
        theirs = [
            str(binaries / "scenedetect"), "-q", "-i", str(film), "-o", name, "detect-adaptive", "list-scenes", "-q",
        ]  # fmt: skip
        seconds = truth[-1] / _RATE
        row = compare(
            "scenes", f"PySceneDetect detect-adaptive ({seconds:.0f} s of 720p{_RATE})", "CPU seconds", 4, _LIMIT,
            ours=lambda: cpu(lambda: _run(ours)), theirs=lambda: cpu(lambda: _run(theirs)), runs=runs,
        )  # fmt: skip
        found = [round(cut * _RATE) for cut in json.loads(_run(ours))["cuts"]]
        with (folder / "film-Scenes.csv").open() as file:
            listed = list(csv.reader(file))
        peers = [int(line[1]) - 1 for line in listed[2:]][1:]
        told = f"F1 of cuts: ours {_f1(found, truth[:-1]):.2f}, theirs {_f1(peers, truth[:-1]):.2f}"
        return replace(row, limit=f"{row.limit}. {told}")


def _film(folder: Path) -> tuple[Path, list[int]]:
    """An edited film, and the pictures at which its shots end."""
    lengths = _LENGTHS * _ROUNDS
    inputs: list[str] = []
    ends: list[int] = []
    for number, length in enumerate(lengths):
        shot = _SHOTS[number % len(_SHOTS)]
        shot += f"{':' if '=' in shot else '='}size=1280x720:rate={_RATE}"
        inputs += ["-f", "lavfi", "-t", str(length / _RATE), "-i", f"{shot},noise=alls=8:allf=t,format=yuv420p"]
        ends.append((ends[-1] if ends else 0) + length)
    film = folder / "film.mp4"
    joined = f"concat=n={len(lengths)}"
    encoder = ["-c:v", "libx264", "-preset", "veryfast", "-crf", "26"]
    _run([str(find_ffmpeg()), "-v", "error", *inputs, "-filter_complex", joined, *encoder, str(film)])
    return film, ends


def _run(command: Sequence[str]) -> str:
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def _f1(found: Sequence[int], truth: Sequence[int]) -> float:
    hits = sum(any(abs(at - cut) <= 1 for at in found) for cut in truth)
    return 2 * hits / (len(found) + len(truth))
