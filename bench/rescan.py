"""``rescan``: a library of 10,000 unchanged files, against a bare walk that asks each for its size and time."""

from __future__ import annotations

import os
from pathlib import Path

from bench.harness import Row, compare, wall
from bench.library import library
from reelmill.ffmpeg.demo_clips import draw_clip, tiny_clip
from reelmill.operations.jobs.scan import scan

FILES = 10_000
FOLDERS = 100
LIMIT = "the walk, with a check of each name, then comparing it with its record"


def run(runs: int) -> Row:
    """Measure."""
    with library() as bench:
        folder = bench.root.folder("videos")
        folder.mkdir()
        first = draw_clip(bench.root.path, tiny_clip("first.mp4"))
        os.utime(first, (1e9, 1e9))
        for number in range(FILES):
            place = folder / f"folder {number % FOLDERS}" / f"video {number}.mp4"
            place.parent.mkdir(exist_ok=True)
            os.link(first, place)

        def once() -> None:
            result = scan(bench.root, "videos", directory_types=["videos"], report=bench.report)
            assert result.unchanged + result.new == FILES, result

        once()
        return compare(
            "rescan", f"os.scandir and stat ({FILES} files)", "seconds", 0.5, LIMIT,
            ours=lambda: wall(once), theirs=lambda: wall(lambda: walk(folder, FILES)), runs=runs,
        )  # fmt: skip


def walk(folder: Path, files: int) -> None:
    """The bare walk: each file's size and time, and nothing else.

    Args:
        folder: where to begin.
        files: how many it must come across.
    """
    waiting, seen = [os.fspath(folder)], 0
    while waiting:
        with os.scandir(waiting.pop()) as entries:
            for entry in entries:
                if entry.is_dir(follow_symlinks=False):
                    waiting.append(entry.path)
                else:
                    stat = entry.stat()
                    seen += stat.st_size >= 0 and stat.st_mtime_ns > 0
    assert seen == files
