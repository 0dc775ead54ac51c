"""A finished film is decoded by whoever is there, and taken into the library only where all of it decodes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from fractions import Fraction
from pathlib import Path

import pytest

from reelmill.ffmpeg.finding import FindingKind
from reelmill.ffmpeg.reading.decode import check_whole
from reelmill.ffmpeg.verify import Expectation
from reelmill.operations.context import Workbench
from reelmill.operations.jobs.reencode import reencode
from reelmill.operations.publishing.parallel_verify import ParallelDecoder
from reelmill.operations.publishing.publish import Product, publish
from reelmill.parallel import Result, Work, ignore, in_threads
from tests.clips import clip, overwritten
from tests.operations.elsewhere import Elsewhere
from tests.operations.library import add
from tests.refusals import rejected


class _CountingFanOut:
    """The fan-out of one node, and how many works it was given each time."""

    def __init__(self) -> None:
        self.counts: list[int] = []

    def __call__(
        self, function: Callable[[Work], Result], works: Sequence[Work], done: Callable[[Result], None] = ignore
    ) -> list[Result]:
        self.counts.append(len(works))
        return in_threads(function, works, done)


def test_another_node_decodes_it_where_it_has_the_library(
    bench: Workbench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    film = clip(bench.root.folder("inbox") / "a.mp4", seconds=6)
    elsewhere = Elsewhere(bench.root.path, tmp_path / "mounted elsewhere", monkeypatch)
    assert ParallelDecoder(bench.root, elsewhere, Fraction(2))(film) == check_whole(film)


def test_what_another_node_does_not_see_is_decoded_here(bench: Workbench) -> None:
    film = clip(bench.root.folder("inbox") / "a.mp4", seconds=6)
    hidden = film.with_suffix(".hidden")

    def blind(
        function: Callable[[Work], Result], works: Sequence[Work], done: Callable[[Result], None] = ignore
    ) -> list[Result]:
        film.rename(hidden)
        try:
            return in_threads(function, works, done)
        finally:
            hidden.rename(film)

    assert ParallelDecoder(bench.root, blind, Fraction(2))(film) == check_whole(film)


@pytest.mark.parametrize(
    ("name", "seconds", "gop"),
    [("short.mp4", 1, 25), ("one_keyframe.mp4", 6, 999), ("without_times.h264", 6, 25)],
)
def test_what_cannot_be_divided_is_decoded_in_one_go(bench: Workbench, name: str, seconds: int, gop: int) -> None:
    path = bench.root.folder("inbox") / name
    film = clip(path, seconds=seconds, gop=gop, sound=0, options=["-sc_threshold", "0"])
    counted = _CountingFanOut()
    assert ParallelDecoder(bench.root, counted, Fraction(2))(film) == check_whole(film)
    assert counted.counts == []


def test_a_copy_in_chunks_is_decoded_in_parallel(bench: Workbench) -> None:
    video = add(bench, clip(bench.root.folder("inbox") / "a.mp4", seconds=12))
    counted = _CountingFanOut()
    made = reencode(bench, str(video.id), chunk_seconds=2, decode_fan_out=counted)
    assert made.chunks == 6
    assert counted.counts == [4], "audio, and three runs of two chunks"


def test_what_does_not_decode_anywhere_in_it_stays_out_of_the_library(bench: Workbench, tmp_path: Path) -> None:
    film = clip(tmp_path / "good.mp4", seconds=8, size="320x240", options=["-movflags", "+faststart"])
    staged = overwritten(film, bench.root.path / "staged.mp4", at=0.7, count=3000)
    product = Product(path="playback/a.mp4", recipe="0" * 64, expected=Expectation(frames=200), title="a")
    counted = _CountingFanOut()
    with rejected(FindingKind.DAMAGED):
        publish(bench, staged, product, ParallelDecoder(bench.root, counted, Fraction(2)))
    assert counted.counts == [5]
    assert not list(bench.root.folder("playback").iterdir())
