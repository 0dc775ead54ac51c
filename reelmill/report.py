"""How running work tells people about itself: lines for the log, fractions for the progress bar."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol


class Report(Protocol):
    """What an operation is handed to speak through; flows give it Prefect's log and artifacts."""

    def line(self, text: str) -> None:
        """One line for the job's log."""

    def progress(self, fraction: float, text: str = "") -> None:
        """How much is done, 0 to 1, and what is being done."""


@dataclass
class Pace:
    """Decides which progress updates are worth passing on: every ``step`` of the whole, or ``seconds`` apart.

    The first and the last update always pass.
    """

    step: float = 0.05
    seconds: float | None = 2.0
    clock: Callable[[], float] = time.monotonic
    _last_fraction: float = field(default=-1.0, init=False)
    _last_time: float = field(default=float("-inf"), init=False)

    def due(self, fraction: float) -> bool:
        """Whether an update at ``fraction`` should pass; answering yes counts as having passed it."""
        now = self.clock()
        moved = fraction - self._last_fraction >= self.step - 1e-9
        finished = fraction >= 1.0 > self._last_fraction
        waited = self.seconds is not None and now - self._last_time >= self.seconds
        changed = fraction != self._last_fraction
        if not (moved or finished or (waited and changed)):
            return False
        self._last_fraction, self._last_time = fraction, now
        return True


class LogReport:
    """A report into Python's logging: for notebooks, scripts and the command line."""

    def __init__(self, logger: logging.Logger | None = None):
        self._logger = logger or logging.getLogger("reelmill")
        self._pace = Pace(seconds=None)

    def line(self, text: str) -> None:
        """Log the line."""
        self._logger.info(text)

    def progress(self, fraction: float, text: str = "") -> None:
        """Log every 5 %."""
        if self._pace.due(fraction):
            self._logger.info("%3.0f %% %s", fraction * 100, text)


class Silent:
    """A report nobody hears: for work of which only the sum is told."""

    def line(self, text: str) -> None:
        """Say nothing."""

    def progress(self, fraction: float, text: str = "") -> None:
        """Say nothing."""


class Part:
    """A slice of another report's progress: a step that covers ``start`` to ``end`` of the whole job."""

    def __init__(self, whole: Report, start: float, end: float):
        self._whole, self._start, self._end = whole, start, end

    def line(self, text: str) -> None:
        """Pass the line on."""
        self._whole.line(text)

    def progress(self, fraction: float, text: str = "") -> None:
        """Scale into the slice and pass on."""
        self._whole.progress(self._start + (self._end - self._start) * fraction, text)
