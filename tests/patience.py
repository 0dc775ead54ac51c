"""How long a test waits for what is to come: on a busy machine that may take twenty times as long as on an idle one."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final, TypeVar

T = TypeVar("T")

#: Seconds. Only what never comes is waited for so long, so there is nothing to gain by less.
PATIENCE: Final = 600.0


def until(
    happens: Callable[[], T], state: Callable[[], object] = str, *, seconds: float = PATIENCE, pause: float = 0.1
) -> T:
    """Ask again and again until the result is true.

    Args:
        happens: What is asked.
        state: How things are, for the message when it does not happen.
        seconds: How long at most.
        pause: Seconds between two calls.

    Returns:
        The first true result.

    Raises:
        AssertionError: It did not happen in time.
    """
    deadline = time.monotonic() + seconds
    while not (found := happens()):
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {seconds:.0f} s: {state()}")
        time.sleep(pause)
    return found
