"""``scan_cold``: the first scan of 200 files, against one ``ffmpeg -i`` a file."""

from __future__ import annotations

import os
import shutil
import statistics
import subprocess
from pathlib import Path

from bench.harness import Row, compare, cpu, wall
from bench.library import forget, library
from reelmill.ffmpeg.demo_clips import draw_clip, tiny_clip
from reelmill.operations.jobs.scan import scan

FILES = 200
LIMIT = "PyAV opening each container and its first picture (two thirds, on all cores), then our own Python around it"


def run(runs: int) -> Row:
    """Measure."""
    with library() as bench:
        folder = bench.root.folder("videos")
        folder.mkdir()
        first = draw_clip(folder, tiny_clip("video 0.mp4", seconds=2))
        os.utime(first, (1e9, 1e9))
        for number in range(1, FILES):
            shutil.copy2(first, folder / f"video {number}.mp4")
        files = sorted(folder.iterdir())

        cost: dict[str, list[float]] = {"ours": [], "theirs": []}

        def ours() -> float:
            forget()
            return wall(lambda: cost["ours"].append(cpu(scanned)))

        def scanned() -> None:
            scan(bench.root, "videos", directory_types=["videos"], report=bench.report)

        def theirs() -> float:
            return wall(lambda: cost["theirs"].append(cpu(lambda: _ask_each(bench.transcoder.ffmpeg, files))))

        row = compare(
            "scan_cold", f"ffmpeg -i, once a file ({FILES} files)", "seconds", 10, LIMIT,
            ours=ours, theirs=theirs, runs=runs,
        )  # fmt: skip
        return Row(**{**row.__dict__, "limit": f"{LIMIT}. CPU seconds: {_spread(cost)}"})


def _spread(cost: dict[str, list[float]]) -> str:
    """The median of each side, and its least and most, without the first turn, which is not counted."""
    return "; ".join(
        f"{side} {statistics.median(spent[1:]):.2f} ({min(spent[1:]):.2f} to {max(spent[1:]):.2f})"
        for side, spent in cost.items()
    )


def _ask_each(ffmpeg: Path, files: list[Path]) -> None:
    for path in files:
        # Without an output ffmpeg ends with an error after it has described what the file is.
        subprocess.run([str(ffmpeg), "-hide_banner", "-i", str(path)], capture_output=True, check=False)
