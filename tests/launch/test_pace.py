from __future__ import annotations

import pytest

from reelmill.launch.pace import LONGEST, Pace, backoff


def test_backoff_doubles_up_to_a_limit() -> None:
    assert [backoff(failures, 1.0) for failures in range(1, 6)] == [0.5, 1, 2, 4, 8]
    assert backoff(1, 0.0) == 0.25
    assert backoff(10**6, 1.0) == LONGEST


def test_backoff_waits_as_long_as_the_server_asks_for() -> None:
    assert backoff(1, 0.5, retry_after=12) == 12
    assert backoff(1, 0.5, retry_after=10**6) == LONGEST


def test_a_quick_server_is_waited_for_as_long_as_asked() -> None:
    pace = Pace(0.1)
    assert [pace.after(seconds) for seconds in (0.2, 0.9, 0.05, 0.8)] == [0.1] * 4


def test_a_server_that_slows_down_is_left_alone_longer_and_longer_and_then_less() -> None:
    pace = Pace(0.1)
    waits = [pace.after(seconds) for seconds in (0.5, 4, 4, 4, 0.5, 0.5)]
    assert waits == pytest.approx([0.1, 2.1, 4.1, 8.1, 4.1, 2.1])


def test_a_server_that_is_always_slow_is_not_held_against_itself() -> None:
    pace = Pace(0.0)
    assert [pace.after(10) for _ in range(5)] == [0.0] * 5


def test_it_never_waits_without_end_and_comes_back_to_the_delay() -> None:
    pace = Pace(0.1)
    pace.after(0.5)
    assert max(pace.after(300) for _ in range(20)) == pytest.approx(LONGEST + 0.1)
    assert [pace.after(0.5) for _ in range(20)][-1] == 0.1
