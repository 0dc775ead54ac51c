"""Runs that follow one another are one job: what is read off their labels, tags and messages."""

from __future__ import annotations

import uuid

import pytest

from reelmill.queue import job_chain

# Fixed, since tests are named after them, and each process of a run must come to the same names.
_FIRST, _SECOND = uuid.UUID(int=1), uuid.UUID(int=2)


@pytest.mark.parametrize(
    ("labels", "expected"),
    [
        ({}, _SECOND),
        ({job_chain.JOB_LABEL: str(_FIRST)}, _FIRST),
        ({job_chain.JOB_LABEL: "an admin's own"}, _SECOND),
        ({job_chain.JOB_LABEL: 7}, _SECOND),
    ],
)
def test_a_public_id_is_that_of_the_first_run(labels: dict[str, object], expected: uuid.UUID) -> None:
    assert job_chain.public_id(_SECOND, labels) == expected


def test_the_run_before_is_named_by_a_tag_and_nothing_else_is() -> None:
    assert job_chain.replaces(["cpu", f"replaces:{_FIRST}"]) == _FIRST
    assert job_chain.replaces(["replaces:nothing", "cpu"]) is None


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        (job_chain.replaced_message(_SECOND, "moved by ann"), _SECOND),
        (f"Replaced by {_SECOND} in the lane live-high", _SECOND),  # as earlier versions wrote it
        ("Cancelled by ann", None),
        ("Replaced by nobody", None),
        (None, None),
    ],
)
def test_the_run_after_is_named_by_the_message_of_a_state(message: str | None, expected: uuid.UUID | None) -> None:
    assert job_chain.replaced_by(message) == expected
