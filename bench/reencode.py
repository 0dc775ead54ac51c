"""``reencode``: CPU seconds of the whole job, verification included, against the same plain ffmpeg command."""

from __future__ import annotations

import subprocess
from fractions import Fraction

from sqlmodel import select

from bench.harness import Row, compare, cpu
from bench.library import library
from reelmill.catalogue.engine import session
from reelmill.catalogue.models import Video
from reelmill.ffmpeg.demo_clips import draw_clip, tiny_clip
from reelmill.operations.jobs.reencode import reencode
from reelmill.operations.jobs.scan import scan

SECONDS = 20
#: What ``reencode`` does by default, as a person would type it.
PLAIN = (
    *("-c:v", "libx264", "-preset", "medium", "-crf", "23", "-maxrate", "2000k", "-bufsize", "4000k"),
    *("-pix_fmt", "yuv420p", "-c:a", "aac", "-b:a", "128k", "-movflags", "+faststart"),
)
LIMIT = (
    "proving the finished file: decoding it, without smoothing, takes 7 % of what the peer does, comparing it with its "
    "source 5 %; the encode itself takes what the peer does"
)


def run(runs: int) -> Row:
    """Measure."""
    with library() as bench:
        source = draw_clip(
            bench.root.folder("inbox"), tiny_clip("source.mp4", seconds=SECONDS, size=(1280, 720), rate=Fraction(30))
        )
        scan(bench.root, "inbox", directory_types=["inbox"], settle_seconds=0, report=bench.report)
        with session() as opened:
            video_id = str(opened.exec(select(Video.id)).one())

        def ours() -> float:
            seconds = cpu(lambda: reencode(bench, video_id))
            for path in (bench.root.path / "playback").iterdir():
                path.unlink()  # so that the next run encodes again
            return seconds

        target = bench.root.path / "plain.mp4"
        plain = [str(bench.transcoder.ffmpeg), "-v", "error", "-y", "-i", str(source), *PLAIN, str(target)]
        return compare(
            "reencode", f"the same settings to plain ffmpeg ({SECONDS} s of 720p30)", "CPU seconds", 0.97, LIMIT,
            ours=ours, theirs=lambda: cpu(lambda: subprocess.run(plain, check=True)), runs=runs,
        )  # fmt: skip
