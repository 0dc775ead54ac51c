"""Time, as whoever waits asks for it: the clock of the node, and one for tests that moves when it is waited on."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from typing import Final, Protocol


class Clock(Protocol):
    """What time it is, and waiting."""

    def now(self) -> datetime:
        """The time of day, in UTC."""

    def monotonic(self) -> float:
        """Seconds since any moment; nobody sets them back."""

    def sleep(self, seconds: float) -> None:
        """Wait."""


class SystemClock:
    """The clock of this node."""

    def now(self) -> datetime:
        """See ``Clock.now``."""
        return datetime.now(UTC)

    def monotonic(self) -> float:
        """See ``Clock.monotonic``."""
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        """See ``Clock.sleep``."""
        time.sleep(seconds)


SYSTEM: Final = SystemClock()


class FakeClock:
    """A clock that stands still until it is waited on, and then jumps.

    Args:
        start: the time of day it begins with.

    Example:
        >>> clock = FakeClock(datetime(2026, 1, 1, tzinfo=UTC))
        >>> clock.sleep(3600)
        >>> clock.now().hour, clock.monotonic()
        (1, 3600.0)
    """

    def __init__(self, start: datetime):
        self._start, self._passed = start, 0.0

    def now(self) -> datetime:
        """See ``Clock.now``."""
        return self._start + timedelta(seconds=self._passed)

    def monotonic(self) -> float:
        """See ``Clock.monotonic``."""
        return self._passed

    def sleep(self, seconds: float) -> None:
        """See ``Clock.sleep``; returns at once."""
        self._passed += seconds
