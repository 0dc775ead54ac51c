from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from contextvars import ContextVar

import pytest

from reelmill.report import LogReport, NullReport, Outbox, Pace, RemainingTime, Share
from tests.clips import Notes
from tests.patience import PATIENCE


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


def test_a_share_scales_into_its_bounds() -> None:
    whole = Notes()
    share = Share(whole, 0.2, 0.6)
    for fraction in (0.0, 0.5, 1.0):
        share.progress(fraction)
    share.line("hello")
    assert whole.fractions == pytest.approx([0.2, 0.4, 0.6])
    assert whole.lines == ["hello"]


def test_a_share_of_a_share() -> None:
    whole = Notes()
    Share(Share(whole, 0.5, 1.0), 0.0, 0.5).progress(1.0)
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


class _Server:
    """Takes messages while it is up."""

    def __init__(self) -> None:
        self.up = threading.Event()
        self.asked = threading.Event()
        self.told: list[str] = []

    def send(self, text: str) -> Callable[[], bool]:
        def once() -> bool:
            self.asked.set()
            if self.up.is_set():
                self.told.append(text)
            return self.up.is_set()

        return once


def test_what_a_server_that_is_away_was_to_hear_is_told_later_and_only_the_newest_of_it() -> None:
    server, outbox = _Server(), Outbox(pause=0.01)
    for percent in range(100):
        outbox.put("progress", server.send(f"{percent} %"))
    outbox.put("picture", server.send("picture"))
    assert server.asked.wait(PATIENCE)
    assert server.told == []
    server.up.set()
    assert outbox.close(patience=10) == 0
    assert server.told == ["99 %", "picture"]
    outbox.put("late", server.send("late"))
    assert server.told == ["99 %", "picture"]


def test_the_patience_with_a_server_that_stays_away_ends() -> None:
    server, outbox = _Server(), Outbox(pause=0.01)
    outbox.put("progress", server.send("1 %"))
    outbox.put("picture", server.send("picture"))
    assert outbox.close(patience=0.05) == 2
    assert server.told == []


def test_whoever_speaks_does_not_wait_for_a_server_that_hangs() -> None:
    heard, outbox = threading.Event(), Outbox()
    outbox.put("progress", lambda: heard.wait(10))
    for percent in range(1000):
        outbox.put(percent, lambda: True)
    assert not heard.is_set()
    heard.set()
    assert outbox.close(patience=10) == 0


def test_an_outbox_that_nothing_was_put_into_has_no_thread() -> None:
    before = threading.active_count()
    assert Outbox().close(patience=10) == 0
    assert threading.active_count() == before


def test_the_thread_sends_under_the_settings_of_whoever_opened_the_outbox() -> None:
    setting, found = ContextVar("setting", default="none"), list[str]()
    setting.set("ours")
    outbox = Outbox()
    setting.set("another")

    def send() -> bool:
        found.append(setting.get())
        return True

    outbox.put("x", send)
    assert outbox.close(patience=10) == 0
    assert found == ["ours"]


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_message_with_a_fault_of_its_own_holds_up_no_other() -> None:
    server, outbox = _Server(), Outbox()
    server.up.set()

    def broken() -> bool:
        raise KeyError("a bug")

    outbox.put("broken", broken)
    outbox.put("picture", server.send("picture"))
    assert outbox.close(patience=10) == 0
    assert server.told == ["picture"]
    outbox = Outbox()
    outbox.put("broken", broken)
    assert outbox.close(patience=10) == 0


def test_the_time_left_comes_from_how_fast_the_last_minute_went() -> None:
    now = [0.0]
    remaining = RemainingTime(lambda: now[0])

    def at(seconds: float, fraction: float) -> float | None:
        now[0] = seconds
        return remaining.at(fraction)

    assert at(0, 0.0) is None
    assert at(1, 0.3) is None  # a moment is no measure
    assert at(10, 0.5) == pytest.approx(10)
    assert at(20, 0.5) == pytest.approx(20)
    for second in range(21, 200):  # then slowly: the quick start counts no more
        left = at(second, 0.5 + (second - 20) / 1000)
    assert left == pytest.approx((0.5 - 179 / 1000) * 1000, rel=0.05)
    assert at(200, 0.1) is None  # something else begins
    assert at(210, 0.2) == pytest.approx(80)
    assert at(220, 1.0) == 0


def test_a_share_hands_on_the_speed() -> None:
    heard: list[tuple[float, str, float | None]] = []

    class Heard(NullReport):
        def progress(self, fraction: float, text: str = "", speed: float | None = None) -> None:
            heard.append((fraction, text, speed))

    Share(Heard(), 0.5, 1.0).progress(0.5, "encoding", 2.5)
    assert heard == [(0.75, "encoding", 2.5)]
