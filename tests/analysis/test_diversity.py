from __future__ import annotations

from fractions import Fraction
from itertools import islice, pairwise

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from reelmill.analysis.scenes.transitions import Scene
from reelmill.analysis.scoring.diversity import Window, choose_varied
from reelmill.analysis.scoring.selection import ScoredVideo, best_segments
from reelmill.analysis.scoring.signals import Floats


def _windows(*bounds: tuple[int, int]) -> list[Window]:
    return [(Fraction(first), Fraction(end)) for first, end in bounds]


def _first(count: int, windows: list[Window], worth: list[float], looks: Floats | None, seconds: int) -> list[Window]:
    chosen = choose_varied(windows, np.array(worth, np.float32), looks, seconds)
    return [window for window, _ in islice(chosen, count)]


def test_without_looks_and_far_apart_the_best_come_first() -> None:
    assert _first(3, _windows((0, 5), (100, 105), (200, 205)), [0.5, 0.9, 0.7], None, 300) == _windows(
        (100, 105), (200, 205), (0, 5)
    )


def test_of_two_that_look_alike_one_is_left_for_something_new() -> None:
    looks = np.zeros((300, 3), np.float32)
    looks[200:210] = 0.8
    windows, worth = _windows((0, 5), (100, 105), (200, 205)), [0.9, 0.85, 0.5]
    assert _first(2, windows, worth, looks, 300) == _windows((0, 5), (200, 205))
    found_windows = dict(choose_varied(windows, np.array(worth, np.float32), looks, 300))
    assert found_windows == dict(zip(_windows((0, 5), (200, 205), (100, 105)), (False, True, False), strict=True))


def test_what_overlaps_is_never_taken() -> None:
    assert _first(9, _windows((0, 5), (3, 8), (5, 9)), [0.5, 0.9, 0.6], None, 9) == _windows((3, 8))


def test_a_digest_shows_the_other_half_of_a_video_that_repeats_itself() -> None:
    """A minute of the same good frame, then a minute of another that scores a little less."""
    looks = np.concatenate([np.full((60, 3), 0.2), np.full((60, 3), 0.7)]).astype(np.float32)
    scores = np.concatenate([np.full(60, 0.8), np.full(60, 0.6)]).astype(np.float32)
    given_looks = best_segments(
        ScoredVideo([Scene(Fraction(0), Fraction(120))], scores, Fraction(120), lambda *_: "good", looks), Fraction(16)
    )
    assert sum(segment.length for segment in given_looks if segment.end > 62) >= 4
    assert any("unlike" in segment.reason for segment in given_looks)


@given(
    st.lists(st.tuples(st.integers(0, 90), st.integers(1, 8), st.floats(0, 1)), min_size=1, max_size=30), st.integers()
)
def test_all_that_is_chosen_stands_apart(found: list[tuple[int, int, float]], seed: int) -> None:
    windows = _windows(*((first, first + length) for first, length, _ in found))
    looks = np.random.default_rng(abs(seed)).random((100, 4), np.float32)
    worth = np.array([worth for *_, worth in found], np.float32)
    chosen = [window for window, _ in choose_varied(windows, worth, looks, 100)]
    taken = sorted(chosen)
    assert all(before[1] <= after[0] for before, after in pairwise(taken))
    assert all(any(w[0] < c[1] and c[0] < w[1] for c in chosen) for w in windows), "nothing that fits is left out"
    assert chosen == [window for window, _ in choose_varied(windows, worth, looks, 100)]
