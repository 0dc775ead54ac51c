from __future__ import annotations

from datetime import UTC, datetime

import pytest

from reelmill.api.access import rate_limit
from reelmill.api.access.rate_limit import ATTEMPTS, FailedLogins, origin_of
from reelmill.clock import FakeClock


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock(datetime(2026, 1, 1, tzinfo=UTC))


def test_an_address_fails_so_often_and_then_once_in_a_while(clock: FakeClock) -> None:
    failed = FailedLogins(clock)
    assert [failed.record("10.0.0.7") for _ in range(ATTEMPTS)] == [0] * ATTEMPTS
    wait = failed.record("10.0.0.7")
    assert 0 < wait <= 60 / ATTEMPTS
    assert failed.record("10.0.0.7") == wait, "what is refused is not held against the address"
    assert failed.record("10.0.0.8") == 0, "each address by itself"
    clock.sleep(wait)
    assert failed.record("10.0.0.7") == 0
    assert failed.record("10.0.0.7") > 0


def test_what_failed_is_forgotten_in_a_minute(clock: FakeClock) -> None:
    failed = FailedLogins(clock)
    for _ in range(3 * ATTEMPTS):
        failed.record("10.0.0.7")
    clock.sleep(60)
    assert [failed.record("10.0.0.7") for _ in range(ATTEMPTS)] == [0] * ATTEMPTS


def test_any_number_of_addresses_takes_bounded_memory(clock: FakeClock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rate_limit, "_ADDRESSES", 10)
    failed = FailedLogins(clock)
    for _ in range(ATTEMPTS):
        failed.record("10.0.0.7")
    for number in range(100):
        failed.record(f"10.1.0.{number}")
        assert failed.record("10.0.0.7") > 0, "who goes on failing is not forgotten for others"
    assert len(failed) == 10


@pytest.mark.parametrize(
    ("address", "origin"),
    [
        ("10.0.0.7", "10.0.0.7"),
        ("::ffff:10.0.0.7", "10.0.0.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2::1", "2001:db8:1:2::/64"),
        ("", "unknown"),
        ("a.name", "unknown"),
        ("10.0.0.7\nforged", "unknown"),
    ],
)
def test_a_network_of_ipv6_and_whatever_is_no_address_count_as_one(address: str, origin: str) -> None:
    assert origin_of(address) == origin
