from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import fields, replace
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from reelmill.analysis.frames.time_ranges import TimeRange, split_into_ranges
from reelmill.analysis.scoring.signals import Signals
from reelmill.catalogue.models import Video
from reelmill.errors import ChangedMeanwhile, InputError
from reelmill.ffmpeg.reading.probe import probe
from reelmill.operations.context import Workbench
from reelmill.operations.derived.analysis_cache import signals_of, transitions_of
from reelmill.operations.jobs.digest import digest
from reelmill.parallel import Result, Work, ignore, in_threads
from reelmill.troubles import Flaw
from tests.clips import Notes, clip, promising
from tests.operations.library import add
from tests.refusals import refused


class _Counting:
    """A fan-out that counts what it was given."""

    def __init__(self) -> None:
        self.seconds = 0

    def __call__(
        self, function: Callable[[Work], Result], works: Sequence[Work], done: Callable[[Result], None] = ignore
    ) -> list[Result]:
        self.seconds += sum(work.end - work.first for work in works if isinstance(work, TimeRange))
        return in_threads(function, works, done)


@pytest.fixture
def video(bench: Workbench) -> Video:
    return add(bench, clip(bench.root.folder("inbox") / "a.mp4", seconds=5))


def _signals(bench: Workbench, video: Video, fan_out: _Counting) -> Signals:
    path = bench.root.path / video.path
    return signals_of(bench, video, path, probe(path), fan_out)[0]


def test_what_was_found_is_kept_and_not_found_again(bench: Workbench, video: Video) -> None:
    count = _Counting()
    first, again = _signals(bench, video, count), _signals(bench, video, count)
    assert count.seconds == 5
    for field in fields(Signals):
        assert np.array_equal(getattr(first, field.name), getattr(again, field.name)), field.name


def test_what_was_found_of_one_track_is_not_another_s(bench: Workbench, video: Video) -> None:
    count, path = _Counting(), bench.root.path / video.path
    _signals(bench, video, count)
    info = probe(path)
    other = replace(info, video=replace(info.video, number=1))
    for _ in range(2):
        signals_of(bench, video, path, other, count)
    assert count.seconds == 2 * 5, "once of each track"


def test_jobs_that_differ_share_it(bench: Workbench, video: Video) -> None:
    count = _Counting()
    digest(bench, str(video.id), target_length=2, fan_out=count)
    digest(bench, str(video.id), target_length=3, include_highlights=False, fan_out=count)
    assert count.seconds == 2 * 5, "its signals, and its cuts"


def test_another_file_in_its_place_is_looked_at_anew(bench: Workbench, video: Video) -> None:
    count = _Counting()
    _signals(bench, video, count)
    clip(bench.root.path / video.path, seconds=3, size="320x180")
    assert len(_signals(bench, video, count)) == 3
    assert count.seconds == 8


@pytest.mark.parametrize("analyse", [signals_of, transitions_of])
def test_one_that_comes_in_its_place_meanwhile_is_not_taken_for_it(
    bench: Workbench, video: Video, tmp_path: Path, analyse: Callable[..., object]
) -> None:
    """What was found in the one was kept as found in the other."""
    path, other = bench.root.path / video.path, clip(tmp_path / "b.mp4", seconds=3)

    def replacing(
        function: Callable[[Work], Result], works: Sequence[Work], done: Callable[[Result], None] = ignore
    ) -> list[Result]:
        results = in_threads(function, works, done)
        other.rename(path)
        return results

    with refused(ChangedMeanwhile, path=video.path):
        analyse(bench, video, path, probe(path), replacing)
    count = _Counting()
    analyse(bench, video, path, probe(path), count)
    assert count.seconds >= 3


def test_what_a_container_only_promises_is_reported(bench: Workbench, tmp_path: Path) -> None:
    path = bench.root.folder("inbox") / "long.mkv"
    promising(clip(tmp_path / "short.mkv", seconds=4), path, seconds=90)
    notes = Notes()
    video = add(bench, path)
    signals, duration = signals_of(replace(bench, report=notes), video, path, probe(path))
    assert len(signals) == duration
    assert 4 <= duration <= 5
    assert notes.said("it says 90.0 s; nothing comes after")


def test_what_is_promised_beyond_all_measure_makes_no_work(bench: Workbench, tmp_path: Path) -> None:
    path = promising(clip(tmp_path / "short.mkv", seconds=4), bench.root.folder("inbox") / "a.mkv", seconds=363_600)
    video, info = add(bench, path), probe(path)
    works: list[object] = []

    def counted(
        function: Callable[[Work], Result], given: Sequence[Work], done: Callable[[Result], None] = ignore
    ) -> list[Result]:
        works.extend(given)
        return in_threads(function, given, done)

    signals, duration = signals_of(bench, video, path, info, counted)
    transitions_of(bench, video, path, info, counted)
    assert len(works) == 2  # one range each, rather than 6,060
    assert len(signals) == duration == 4


def test_a_video_that_shows_nothing_is_refused(bench: Workbench, video: Video) -> None:
    def blind(
        function: Callable[[Work], Result], works: Sequence[Work], done: Callable[[Result], None] = ignore
    ) -> list[Result]:
        found = in_threads(function, works, done)
        assert all(isinstance(one, Signals) for one in found)
        return [replace(one, shown=np.zeros_like(one.shown)) for one in found]  # type: ignore[attr-defined, type-var]

    path = bench.root.path / video.path
    with refused(InputError, path=video.path, flaw=Flaw.NO_FRAMES):
        signals_of(bench, video, path, probe(path), blind)


@pytest.mark.parametrize(
    ("length", "bounds"),
    [
        ("0", [0, 1]),
        ("60", [0, 60]),
        ("63.4", [0, 64]),
        ("119", [0, 119]),
        ("119.1", [0, 60, 120]),
        ("200.1", [0, 60, 120, 201]),
    ],
)
def test_a_video_is_split_without_gaps_or_short_rests(tmp_path: Path, length: str, bounds: list[int]) -> None:
    split = split_into_ranges(tmp_path / "a.mp4", Fraction(length))
    assert [(one.first, one.end) for one in split] == list(pairwise(bounds))
