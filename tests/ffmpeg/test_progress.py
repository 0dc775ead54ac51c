from __future__ import annotations

from fractions import Fraction

import pytest

from reelmill.ffmpeg.process.progress import Progress, ProgressReader

_BLOCK = """\
frame=120
fps=59.94
stream_0_0_q=28.0
bitrate=1024.0kbits/s
total_size=262144
out_time_us=4004000
out_time_ms=4004000
out_time=00:00:04.004000
dup_frames=0
drop_frames=0
speed=   2.5x
progress=continue
"""


def _read(text: str) -> list[Progress]:
    reader = ProgressReader()
    return [block for line in text.splitlines() if (block := reader.feed(line)) is not None]


def test_a_block() -> None:
    assert _read(_BLOCK) == [Progress(frames=120, out_time=Fraction(4004, 1000), size=262144, speed=2.5)]


def test_only_the_last_line_closes_a_block() -> None:
    assert _read(_BLOCK.replace("progress=continue\n", "")) == []
    assert len(_read(_BLOCK + _BLOCK.replace("continue", "end"))) == 2


def test_nothing_of_one_block_stays_for_the_next() -> None:
    assert _read(_BLOCK + "progress=end\n")[1] == Progress()


def test_before_the_first_frame() -> None:
    text = "frame=0\ntotal_size=N/A\nout_time_us=N/A\nspeed=N/A\nprogress=continue\n"
    assert _read(text) == [Progress(frames=0, out_time=Fraction(0), size=0, speed=None)]


def test_a_negative_time_is_kept() -> None:
    assert _read("out_time_us=-23220\nprogress=continue\n")[0].out_time == Fraction(-2322, 100_000)


@pytest.mark.parametrize("line", ["", "garbage", "=", "frame=", "progress"])
def test_odd_lines_are_no_trouble(line: str) -> None:
    reader = ProgressReader()
    reader.feed(line)
    assert (reader.feed("progress=end") or Progress(frames=-1)).frames == 0


@pytest.mark.parametrize(
    ("out_time", "duration", "fraction"),
    [
        (Fraction(5), Fraction(10), 0.5),
        (Fraction(11), Fraction(10), 1.0),
        (Fraction(-1), Fraction(10), 0.0),
        (Fraction(5), None, 0.0),
        (Fraction(5), Fraction(0), 0.0),
        (Fraction(5), Fraction(-1), 0.0),
    ],
)
def test_fraction_of(out_time: Fraction, duration: Fraction | None, fraction: float) -> None:
    assert Progress(out_time=out_time).fraction_of(duration) == fraction
