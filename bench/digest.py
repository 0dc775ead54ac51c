"""``digest``: seconds of a video over the seconds its digest takes, from nothing known of it to the published film."""

from __future__ import annotations

from bench.film import SHOT, film, remade
from bench.harness import Row, compare, wall
from bench.library import library
from reelmill.layout import DIGESTS
from reelmill.operations.digest import digest

SIZE = (1280, 720)
SHOTS = ("fractal", "clock", "lichen", "dusk", "colony", "plasma", "sea", "carpet", "ripples", "frost", "neon", "loom")
ROUNDS = 5
LENGTH = ROUNDS * SHOT * len(SHOTS)
LIMIT = "decoding every second of it for its signals, then encoding and proving a minute of 720p"


def run(runs: int) -> Row:
    """Measure."""
    with library() as bench:
        video_id, _ = film(bench, ROUNDS, SIZE, SHOTS)

        def ours() -> float:
            seconds = wall(lambda: digest(bench, video_id))
            remade(bench, DIGESTS)
            return seconds

        return compare(
            "digest", f"watching it ({LENGTH} s of 720p30)", "seconds", 7, LIMIT,
            ours=ours, theirs=lambda: float(LENGTH), runs=runs,
        )  # fmt: skip
