from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reelmill.errors import FailureClass
from reelmill.queue.breaker import OWN_FAULT, Breaker

FULL_DISK = FailureClass.RESOURCE
NO_ENCODER = FailureClass.CAPABILITY
_OTHERS = sorted(set(FailureClass) - OWN_FAULT)


def after(breaker: Breaker, *ends: FailureClass | None) -> Breaker:
    for end in ends:
        breaker = breaker.ended(end, "No space left.")
    return breaker


def opened(trips: int = 1, limit: int = 3) -> Breaker:
    """Open for that many times in a row: each probe found nothing, and the next job failed again."""
    breaker = after(Breaker(limit), *[FULL_DISK] * limit)
    for _ in range(trips - 1):
        breaker = after(breaker.probed(None), FULL_DISK)
    return breaker


def test_the_nodes_own_faults_are_a_lack_of_means_and_of_room() -> None:
    assert set(OWN_FAULT) == {FailureClass.CAPABILITY, FailureClass.RESOURCE}


def test_a_new_breaker_is_closed() -> None:
    assert not Breaker(3).open


@pytest.mark.parametrize("limit", [1, 2, 3, 5])
def test_it_opens_after_as_many_own_failures_in_a_row_as_the_limit(limit: int) -> None:
    assert [after(Breaker(limit), *[FULL_DISK] * number).open for number in range(limit + 1)] == [False] * limit + [
        True
    ]


def test_both_kinds_of_own_fault_count_together() -> None:
    assert after(Breaker(3), FULL_DISK, NO_ENCODER, FULL_DISK).open


def test_an_open_breaker_has_the_reason() -> None:
    assert opened().reason == "its last 3 jobs failed: No space left."


@pytest.mark.parametrize("other", [None, *_OTHERS], ids=["went well", *_OTHERS])
def test_a_job_that_ends_otherwise_breaks_the_row(other: FailureClass | None) -> None:
    assert not after(Breaker(3), FULL_DISK, FULL_DISK, other, FULL_DISK, FULL_DISK).open
    assert after(Breaker(3), FULL_DISK, FULL_DISK, other, FULL_DISK, FULL_DISK, FULL_DISK).open


@given(st.lists(st.sampled_from([None, *_OTHERS])))
def test_jobs_that_fail_by_their_own_fault_never_open_it(ends: list[FailureClass | None]) -> None:
    assert not after(Breaker(1), *ends).open


@given(st.lists(st.sampled_from([None, *FailureClass])), st.integers(1, 4))
def test_it_is_open_just_when_a_whole_row_was_its_own_fault(ends: list[FailureClass | None], limit: int) -> None:
    rows = [ends[at : at + limit] for at in range(len(ends) - limit + 1)]
    assert after(Breaker(limit), *ends).open == any(all(end in OWN_FAULT for end in row) for row in rows)


@pytest.mark.parametrize("end", [None, *FailureClass])
def test_jobs_still_under_way_neither_close_it_nor_trip_it_twice(end: FailureClass | None) -> None:
    breaker = after(opened(), end)
    assert breaker.open
    assert breaker.reason == opened().reason
    assert breaker.trips <= 1


def test_a_clean_probe_closes_it() -> None:
    assert not opened().probed(None).open


def test_a_probe_that_finds_something_gives_the_reason() -> None:
    breaker = opened().probed("The library is not mounted.")
    assert breaker.reason == "The library is not mounted."
    assert not breaker.probed(None).open


def test_finding_the_same_again_is_no_new_trip() -> None:
    assert opened().probed("Still full.").probed("Still full.").trips == 1


@pytest.mark.parametrize("limit", [1, 3])
def test_after_a_clean_probe_the_very_next_own_failure_opens_it_again(limit: int) -> None:
    breaker = after(opened(limit=limit).probed(None), NO_ENCODER)
    assert breaker.open
    assert breaker.trips == 2


def test_after_a_clean_probe_a_good_job_earns_the_whole_row_back() -> None:
    assert not after(opened().probed(None), None, FULL_DISK, FULL_DISK).open


def test_patience_doubles_with_each_trip_and_is_bounded() -> None:
    assert [opened(trips).patience for trips in range(1, 9)] == [1, 2, 4, 8, 16, 32, 32, 32]
    assert opened(2000).patience == 32


def test_a_success_resets_patience() -> None:
    trusted = after(opened(4).probed(None), None)
    assert trusted == Breaker(3)
    assert after(trusted, *[FULL_DISK] * 3).patience == 1


@pytest.mark.parametrize("other", _OTHERS)
def test_a_failure_of_the_jobs_own_does_not_reset_patience(other: FailureClass) -> None:
    breaker = after(opened(3).probed(None), other)
    assert after(breaker, *[FULL_DISK] * 3).patience == 8
