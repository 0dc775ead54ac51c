"""``scenes``: CPU of PySceneDetect over ours on the same 720p film, and how well each finds its cuts."""

from __future__ import annotations

import csv
import json
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from itertools import accumulate
from pathlib import Path
from typing import Final

from bench.film import LENGTHS, films
from bench.harness import Row, compare, cpu

_RATE: Final = 25
#: With x264's own choice of keyframes, most stand at cuts; with none of its choice, cuts have to be found between them.
_ENCODERS: Final[dict[str, Sequence[str]]] = {"film": (), "regular": ("-g", "50", "-sc_threshold", "0")}
_LIMIT: Final = "pictures that others refer to are decoded until a group's packets tell how it goes on"


def run(runs: int) -> Row:
    """Measure."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        films(folder, _RATE, _ENCODERS)
        truth = list(accumulate(LENGTHS))
        row = compare(
            "scenes",
            f"PySceneDetect detect-adaptive ({truth[-1] / _RATE:.0f} s of 720p{_RATE})",
            "CPU seconds",
            4,
            _LIMIT,
            ours=lambda: cpu(lambda: _ours(folder, "film")),
            theirs=lambda: cpu(lambda: _theirs(folder, "film")),
            runs=runs,
        )
        ours, theirs = (_f1(find(folder, "film"), truth) for find in (_ours, _theirs))
        ratio = cpu(lambda: _theirs(folder, "regular")) / cpu(lambda: _ours(folder, "regular"))
        again = f"with a keyframe every 2 s, cut or not: {ratio:.2f}, F1 {_f1(_ours(folder, 'regular'), truth):.2f}"
        figures = f"F1 of cuts: ours {ours:.2f}, theirs {theirs:.2f}; {again}"
        return replace(row, limit=f"{row.limit}. {figures}")


def _ours(folder: Path, film: str) -> list[int]:
    """The frames at which we find a scene to begin."""
    binary = Path(sys.executable).parent / "reelmill"
    found = json.loads(_run([str(binary), "scenes", str(folder / f"{film}.mp4"), "--output", "json"]))
    return [round(cut * _RATE) for cut in found["cuts"]]


def _theirs(folder: Path, film: str) -> list[int]:
    binary = Path(sys.executable).parent / "scenedetect"
    source = str(folder / f"{film}.mp4")
    _run([str(binary), "-q", "-i", source, "-o", str(folder), "detect-adaptive", "list-scenes", "-q"])
    with (folder / f"{film}-Scenes.csv").open() as file:
        listed = list(csv.reader(file))
    return [int(line[1]) - 1 for line in listed[2:]][1:]


def _run(command: Sequence[str]) -> str:
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def _f1(found: Sequence[int], ends: Sequence[int]) -> float:
    truth = ends[:-1]
    hits = sum(any(abs(at - cut) <= 1 for at in found) for cut in truth)
    return 2 * hits / (len(found) + len(truth))
