"""The line at the end of a test run, and that CI installs what it asks for."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from reelmill.ffmpeg.loadtest.gstreamer import PACKAGES
from tests.skips import REMEDIES, summary

ROOT = Path(__file__).parent.parent


def test_nothing_skipped_is_nothing_to_say() -> None:
    assert summary([]) == ""


def test_skips_are_counted_by_reason_with_the_way_to_have_them() -> None:
    reasons = ["this machine has a card", *["Skipped: no NVIDIA card here"] * 2]
    assert summary(reasons) == (
        "not run: 2 x no NVIDIA card here (run on a machine with an NVIDIA GPU); 1 x this machine has a card"
    )


def test_a_reason_that_names_the_way_is_left_as_it_is() -> None:
    assert summary(["the extra [ai] is not installed: make ai"]) == (
        "not run: 1 x the extra [ai] is not installed: make ai"
    )


@pytest.mark.parametrize("start", REMEDIES)
def test_every_remedy_is_for_a_reason_that_a_test_gives(start: str) -> None:
    tests = "".join(path.read_text() for path in (ROOT / "tests").rglob("*.py") if "skips" not in path.name)
    assert re.search(rf'skip(if)?\(.*"{re.escape(start)}', tests)


def test_ci_installs_what_the_gstreamer_tests_need() -> None:
    words = re.findall(r"gstreamer1\.0-[a-z-]+", (ROOT / ".ci" / "run").read_text())
    assert tuple(words) == PACKAGES
