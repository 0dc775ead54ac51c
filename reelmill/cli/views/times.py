"""Times as people read them: local, and how long ago (pure)."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final

_STEPS: Final = ((60, 1, "s"), (3600, 60, "min"), (48 * 3600, 3600, "h"))


def local(time: datetime | None) -> str:
    """A time of day on this node, to the second; empty for None."""
    return "" if time is None else time.astimezone().strftime("%Y-%m-%d %H:%M:%S")


def ago(time: datetime | None, now: datetime | None = None) -> str:
    """How long ago, or until, a time is: ``3 min ago``, ``in 2 h``; its local date where that is days.

    Args:
        time: with its zone; None is an empty text.
        now: the present; None asks the clock.

    Returns:
        A few words.
    """
    if time is None:
        return ""
    seconds = ((now or datetime.now(UTC)) - time).total_seconds()
    for below, unit, name in _STEPS:
        if abs(seconds) < below:
            amount = f"{int(abs(seconds) / unit)} {name}"
            return f"{amount} ago" if seconds >= 0 else f"in {amount}"
    return time.astimezone().strftime("%Y-%m-%d %H:%M")


def with_ago(time: datetime | None, now: datetime | None = None) -> str:
    """Both: ``2026-11-03 14:02:11 (3 min ago)``."""
    return "" if time is None else f"{local(time)} ({ago(time, now)})"
