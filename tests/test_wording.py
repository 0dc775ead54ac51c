"""Numbers as people read them."""

from __future__ import annotations

import pytest

from reelmill.wording import beginnings, clock, in_bytes, in_saving, in_seconds, in_speed, plural

_MB = 1_000_000


@pytest.mark.parametrize(
    ("count", "words"),
    [
        (0, "0 bytes"), (1, "1 byte"), (999, "999 bytes"), (1000, "1.0 kB"), (60_400, "60 kB"), (1_250_000, "1.2 MB"),
        (300 * _MB, "300 MB"), (1_200 * _MB, "1.2 GB"), (-2 * _MB, "-2.0 MB"), (25_000 * _MB, "25 GB"),
    ],
)  # fmt: skip
def test_bytes_in_words(count: int, words: str) -> None:
    assert in_bytes(count) == words


def test_savings() -> None:
    assert in_saving(2_000_000, 500_000) == "1.5 MB, 75 %"
    assert in_saving(1000, 1020) == "nothing: 20 bytes larger, 2 %"
    assert in_saving(0, 0) == "0 bytes"


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (-3.1, "0.0 s"), (0.44, "0.4 s"), (9.96, "10 s"), (99.4, "99 s"), (99.6, "1 min 40 s"), (200, "3 min 20 s"),
        (3600 - 0.4, "1 h"), (3599, "59 min 59 s"), (120, "2 min"), (3900, "1 h 05 min"), (90_000, "25 h"),
        (47 * 3600, "47 h"), (48 * 3600, "2 days"), (100 * 3600, "4 days 4 h"),
    ],
)  # fmt: skip
def test_times_in_words(seconds: float, words: str) -> None:
    assert in_seconds(seconds) == words


def test_moments_as_players_show_them() -> None:
    assert [clock(at) for at in (-1, 0, 65.9, 3723)] == ["0:00", "0:00", "1:05", "1:02:03"]


def test_beginnings_tell_apart() -> None:
    assert beginnings(["abcd", "abxy", "abcd"], (2, 3)) == ["abc", "abx", "abc"]
    assert beginnings(["abcd", "abce"], (2, 3)) == ["abcd", "abce"]
    assert beginnings([], (2,)) == []


def test_speeds_and_counts() -> None:
    assert [in_speed(one) for one in (0.123, 3.14, 120)] == ["0.12x", "3.1x", "120.0x"]
    assert [plural(count, "chunk") for count in (0, 1, 3)] == ["0 chunks", "1 chunk", "3 chunks"]
    assert (plural(1, "copy", "copies"), plural(2, "copy", "copies")) == ("1 copy", "2 copies")
