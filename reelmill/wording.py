"""Numbers and ids as people read them, in logs, tables and result cards (pure)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

_DAYS_FROM: Final = 48  # hours

_UNITS: Final = ((1_000_000_000, "GB"), (1_000_000, "MB"), (1000, "kB"))


def in_bytes(count: int) -> str:
    """A number of bytes: ``1.2 GB``, ``300 MB``, ``12 kB``."""
    for unit, name in _UNITS:
        if abs(count) >= unit:
            amount = count / unit
            return f"{amount:.1f} {name}" if abs(amount) < 10 else f"{amount:.0f} {name}"
    return plural(count, "byte")


def in_saving(before: int, after: int) -> str:
    """By how many bytes what was made is smaller: ``1.2 GB, 43 %``; ``nothing: 3 kB larger, 2 %``."""
    share = f", {abs(before - after) / before:.0%}".replace("%", " %") if before else ""
    size = in_bytes(abs(before - after))
    return f"{size}{share}" if after <= before else f"nothing: {size} larger{share}"


def in_seconds(seconds: float) -> str:
    """How long something takes: ``0.4 s``, ``3 min 20 s``, ``1 h 05 min``, ``3 days 4 h``; never less than nothing."""
    seconds = max(0.0, seconds)
    if seconds < 99.5:
        return f"{seconds:.1f} s" if seconds < 9.95 else f"{seconds:.0f} s"
    if seconds < 3599.5:
        minutes, rest = divmod(round(seconds), 60)
        return f"{minutes} min {rest:02} s" if rest else f"{minutes} min"
    hours, rest = divmod(round(seconds / 60), 60)
    if hours < _DAYS_FROM:
        return f"{hours} h {rest:02} min" if rest else f"{hours} h"
    days, hours = divmod(round(seconds / 3600), 24)
    return f"{days} days {hours} h" if hours else f"{days} days"


def clock(seconds: float) -> str:
    """A moment of a video, or its length, as players show it: ``2:05``, ``1:02:03``."""
    minutes, rest = divmod(max(0, int(seconds)), 60)
    return f"{minutes // 60}:{minutes % 60:02}:{rest:02}" if minutes >= 60 else f"{minutes}:{rest:02}"


def in_speed(speed: float) -> str:
    """Seconds of video per second: ``3.1x``."""
    return f"{speed:.2f}x" if speed < 1 else f"{speed:.1f}x"


def beginnings(texts: Sequence[str], lengths: Iterable[int]) -> list[str]:
    """The shortest beginnings, all of one length, that tell texts apart.

    Args:
        texts: in any order; the same one may come again.
        lengths: where a text may end, ascending.

    Returns:
        In the order of the texts; whole ones where no length is enough.
    """
    for length in lengths:
        short = [text[:length] for text in texts]
        if len(set(short)) == len(set(texts)):
            return short
    return list(texts)


def plural(count: int, noun: str, many: str = "") -> str:
    """A count of things: ``1 chunk``, ``3 chunks``; ``many`` where the plural is not the noun with an s."""
    return f"{count} {noun if count == 1 else many or f'{noun}s'}"
