"""``digest``: the whole job, verification included, against the length of the video it is made of."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from sqlmodel import select

from bench.film import ffmpeg, films
from bench.harness import Row, compare, wall
from bench.library import forget, library
from reelmill.catalogue.engine import session
from reelmill.catalogue.models import Video
from reelmill.operations.jobs.digest import digest
from reelmill.operations.jobs.scan import scan

SECONDS: Final = 300
RATE: Final = 30
#: Steps of a melody with rests, over a little noise.
_AUDIO: Final = "aevalsrc='0.3*sin(440*PI*t*(1+floor(mod(t,7))/3))*between(mod(t,9),1,8)+0.02*(random(0)-0.5)'"
LIMIT: Final = "x264, which encodes the 60 s at preset faster, then decoding the 300 s"


def run(runs: int) -> Row:
    """Measure."""
    with library() as bench:
        draw(bench.root.folder("inbox") / "film.mp4")

        def ours() -> float:
            forget()
            scan(bench.root, "inbox", directory_types=["inbox"], settle_seconds=0, report=bench.report)
            with session() as opened:
                video_id = str(opened.exec(select(Video.id)).one())
            return wall(lambda: digest(bench, video_id))

        return compare(
            "digest", f"the length of the video ({SECONDS} s of 720p{RATE} with sound, to 60 s)", "seconds", 7, LIMIT,
            ours=ours, theirs=lambda: float(SECONDS), runs=runs,
        )  # fmt: skip


def draw(target: Path) -> Path:
    """The bench film again and again, with audio that does not repeat."""
    films(target.parent, RATE, {"reel": ()})
    reel = target.with_name("reel.mp4")
    ffmpeg("-stream_loop", "-1", "-i", str(reel), "-f", "lavfi", "-i", _AUDIO, "-t", str(SECONDS), "-c:v", "copy",
           "-c:a", "aac", str(target))  # fmt: skip
    for path in target.parent.iterdir():
        if path != target:
            path.unlink()
    return target
