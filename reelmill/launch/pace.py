"""How long the launcher waits: after a failure, and for a server that has become slow (pure)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

#: Seconds after the first failure; each further one doubles them.
FIRST: Final = 0.5
LONGEST: Final = 30.0

#: A batch that takes so many times as long as the quickest so far shows that the server falls behind.
_SLOW: Final = 3.0
#: Below this many seconds a batch is quick, whatever the quickest took.
_QUICK: Final = 1.0


def backoff(failures: int, spread: float, retry_after: float | None = None) -> float:
    """How long to wait before the next try.

    Args:
        failures: in a row, from 1.
        spread: from 0 to 1, drawn anew each time, so that several launchers do not come back at the same moment.
        retry_after: what the server asks for, seconds.

    Returns:
        Seconds, at most ``LONGEST``.
    """
    doubled = FIRST * 2.0 ** min(failures - 1, 16)
    return min(LONGEST, max(doubled * (0.5 + spread / 2), retry_after or 0.0))


@dataclass
class Pace:
    """Waits longer between batches while the server takes longer for them than it did, and less again afterwards."""

    delay: float  # seconds between two batches at least
    extra: float = 0.0  # seconds on top of that, at present
    quickest: float | None = None  # seconds that a batch took

    def after(self, seconds: float) -> float:
        """How long to wait after a batch.

        Args:
            seconds: that it took, its retries included.

        Returns:
            Seconds until the next.
        """
        self.quickest = seconds if self.quickest is None else min(self.quickest, seconds)
        if seconds > max(_QUICK, _SLOW * self.quickest):
            self.extra = min(LONGEST, max(2 * self.extra, seconds / 2))
        else:
            self.extra = self.extra / 2 if self.extra > 0.1 else 0.0
        return self.delay + self.extra
