"""``chunked``: seconds of a whole re-encode in chunks, verification included, against the same plain ffmpeg command."""

from __future__ import annotations

import statistics
import subprocess
from pathlib import Path

from bench.harness import Row, compare, cpu, wall
from bench.library import Silence, library
from bench.reel import ROUND, reel, remade
from bench.reencode import PLAIN
from reelmill.ffmpeg.geometry import web_size
from reelmill.ffmpeg.reading.probe import probe
from reelmill.ffmpeg.trials.vmaf import vmaf
from reelmill.operations.jobs.reencode import reencode

ROUNDS = 4
SIZE = (1280, 720)
LIMIT = "decoding the finished film to prove it, and the last chunk, which ends while other cores are idle"


def run(runs: int) -> Row:
    """Measure."""
    with library() as bench:
        video_id, source = reel(bench, ROUNDS, SIZE)
        plain, copy = bench.root.path / "plain.mp4", bench.root.path / "copy.mp4"
        command = [str(bench.transcoder.ffmpeg), "-v", "error", "-y", "-i", str(source), *PLAIN, str(plain)]
        cost: dict[str, list[float]] = {"ours": [], "theirs": []}

        def ours() -> float:
            seconds = wall(lambda: cost["ours"].append(cpu(lambda: _chunked(video_id))))
            next((bench.root.path / "playback").iterdir()).replace(copy)
            remade(bench)
            return seconds

        def _chunked(video: str) -> None:
            made = reencode(bench, video)
            assert made.chunks == ROUNDS, made

        def theirs() -> float:
            return wall(lambda: cost["theirs"].append(cpu(lambda: subprocess.run(command, check=True))))

        row = compare(
            "chunked", f"the same settings to plain ffmpeg ({ROUNDS * ROUND} s of 720p30)", "seconds", 1.0, LIMIT,
            ours=ours, theirs=theirs, runs=runs,
        )  # fmt: skip
        info = probe(source)

        def described(made: Path, spent: list[float]) -> str:
            score = vmaf(
                bench.transcoder, made, source, info, web_size(info, bench.transcoder.options.max_height), Silence()
            )
            size = made.stat().st_size / 1e6
            return f"{statistics.median(spent[1:]):.1f} CPU seconds, {size:.2f} MB, VMAF {score:.2f}"

        figures = f"ours {described(copy, cost['ours'])}; theirs {described(plain, cost['theirs'])}"
        return Row(**{**row.__dict__, "limit": f"{LIMIT}. {figures}"})
