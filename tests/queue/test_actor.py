"""How a log and a state name who steered a job."""

from __future__ import annotations

import pytest

from reelmill.queue.actor import Actor, cancelled_by


def test_a_line_names_who_did_it_and_why() -> None:
    assert Actor("ann@nas").did("cancelled") == "cancelled by ann@nas"
    assert Actor("ann@nas", "too slow").did("cancelled") == "cancelled by ann@nas: too slow"
    assert cancelled_by(Actor("ann@nas", "too slow").did("Cancelled")) == "Cancelled by ann@nas: too slow"


@pytest.mark.parametrize("end", ["\n", "\r\n", "\x0b", "\x1b[2K", "\x85", "\u2028", "\0"])
def test_nobody_writes_a_line_in_the_name_of_another(end: str) -> None:
    reason = f"wrong{end}2026-01-01 00:00:00 INFO cancelled by bob@nas"
    for line in (Actor("ann@nas", reason).did("paused"), Actor(f"ann@nas{end}x").did("paused")):
        assert line.isprintable()
        assert line.splitlines() == [line]
        assert line.startswith("paused by ann@nas")
