from __future__ import annotations

import logging

import pytest

from reelmill.report import LogReport, Pace, Part
from tests.clips import Notes


class _Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def test_first_and_last_always_pass() -> None:
    clock = _Clock()
    pace = Pace(step=0.5, seconds=None, clock=clock)
    assert [pace.due(fraction) for fraction in (0.0, 0.01, 0.02, 1.0, 1.0)] == [True, False, False, True, False]


def test_every_step_passes_once() -> None:
    pace = Pace(step=0.05, seconds=None, clock=_Clock())
    passed = [percent for percent in range(101) if pace.due(percent / 100)]
    assert passed == list(range(0, 101, 5))


def test_a_slow_job_speaks_every_two_seconds_and_only_of_change() -> None:
    clock = _Clock()
    pace = Pace(step=0.5, seconds=2.0, clock=clock)
    assert pace.due(0.0)
    clock.now += 1.9
    assert not pace.due(0.01)
    clock.now += 0.1
    assert pace.due(0.01)
    clock.now += 60
    assert not pace.due(0.01)
    assert pace.due(0.02)


def test_a_part_scales_into_its_slice() -> None:
    whole = Notes()
    part = Part(whole, 0.2, 0.6)
    for fraction in (0.0, 0.5, 1.0):
        part.progress(fraction)
    part.line("hello")
    assert whole.fractions == pytest.approx([0.2, 0.4, 0.6])
    assert whole.lines == ["hello"]


def test_a_part_of_a_part() -> None:
    whole = Notes()
    Part(Part(whole, 0.5, 1.0), 0.0, 0.5).progress(1.0)
    assert whole.fractions == pytest.approx([0.75])


def test_the_log_gets_lines_and_every_five_per_cent(caplog: pytest.LogCaptureFixture) -> None:
    report = LogReport()
    with caplog.at_level(logging.INFO, logger="reelmill"):
        report.line("command: ffmpeg 100%")
        for thousandth in range(1001):
            report.progress(thousandth / 1000, "encoding")
    lines = [record.getMessage() for record in caplog.records]
    assert lines[0] == "command: ffmpeg 100%"
    assert lines[1:] == [f"{percent:3.0f} % encoding" for percent in range(0, 101, 5)]
