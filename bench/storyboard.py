"""``storyboard``: sheets of tiles and their WebVTT, against plain ffmpeg, which decodes everything for the same."""

from __future__ import annotations

import random
import subprocess
from itertools import accumulate
from pathlib import Path
from typing import Final

from sqlmodel import select

from bench.harness import Row, compare, wall
from bench.library import library
from reelmill.catalogue.engine import session
from reelmill.catalogue.models import Video
from reelmill.ffmpeg.reading.probe import probe
from reelmill.operations.context import Workbench
from reelmill.operations.derived.storyboard import make_storyboard
from reelmill.operations.jobs.scan import scan

SECONDS: Final = 240
LIMIT = "one tile of 35 has no keyframe and is decoded from the one before it (two thirds); the others take 5 ms each"


def run(runs: int) -> Row:
    """Measure."""
    with library() as bench:
        source = _draw(bench.transcoder.ffmpeg, bench.root.folder("inbox") / "source.mp4")
        scan(bench.root, "inbox", directory_types=["inbox"], settle_seconds=0, report=bench.report)
        with session() as opened:
            video = opened.exec(select(Video)).one()
        made = _interval(bench, video, source)
        plain = _plain(bench.transcoder.ffmpeg, source, bench.root.path / "plain.jpg", made)

        def ours() -> float:
            for path in (bench.root.path / "thumbnails").iterdir():
                path.unlink()  # so that it is made again
            return wall(lambda: _interval(bench, video, source))

        return compare(
            "storyboard", f"ffmpeg fps=1/{made:g},scale,tile (240 s of 720p30, a keyframe every 2 to 10 s)",
            "seconds", 10, LIMIT, ours=ours, theirs=lambda: wall(lambda: subprocess.run(plain, check=True)), runs=runs,
        )  # fmt: skip


def _interval(bench: Workbench, video: Video, source: Path) -> float:
    """The interval of the tiles, in seconds."""
    return make_storyboard(bench, video, source, probe(source), bench.content(video, source)).interval


def _plain(ffmpeg: Path, source: Path, target: Path, interval: float) -> list[str]:
    filters = f"fps=1/{interval:g},scale=160:90,tile=10x10"
    return [str(ffmpeg), "-v", "error", "-y", "-i", str(source), "-vf", filters, "-frames:v", "1", "-update", "1",
            "-q:v", "3", str(target)]  # fmt: skip


def _draw(ffmpeg: Path, target: Path) -> Path:
    """A zoom into a fractal under drifting colours and film grain: motion everywhere, nothing a codec gets for free."""
    drawing = (
        f"mandelbrot=s=640x360:r=30:start_scale=0.6:end_scale=0.0005:end_pts={SECONDS * 30},"
        f"hue=H=0.1*t,scale=1280:720,noise=alls=6:allf=t:all_seed=1,trim=duration={SECONDS}"
    )
    gaps = random.Random(1).choices(range(2, 11), k=SECONDS)
    times = ",".join(str(time) for time in accumulate(gaps) if time < SECONDS)
    encoding = ("-c:v", "libx264", "-preset", "veryfast", "-crf", "26", "-pix_fmt", "yuv420p", "-g", "900")
    forced = ("-sc_threshold", "0", "-force_key_frames", times)
    command = [str(ffmpeg), "-v", "error", "-f", "lavfi", "-i", drawing, *encoding, *forced, str(target)]
    subprocess.run(command, check=True)
    return target
