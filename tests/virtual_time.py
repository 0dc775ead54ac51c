"""An event loop whose clock stands still while anything works, and skips over every wait."""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


class _SkippingSelector(selectors.DefaultSelector):
    """Where nothing is ready, time has passed at once."""

    now = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready = super().select(0)
        if not ready and timeout:
            self.now += timeout
        return ready


class _Loop(asyncio.SelectorEventLoop):
    def __init__(self) -> None:
        self._clock = _SkippingSelector()
        super().__init__(self._clock)

    def time(self) -> float:
        return self._clock.now


def run(main: Coroutine[Any, Any, T]) -> T:
    """Run what waits for time alone, and for nothing outside of it; how busy the machine is changes nothing.

    Args:
        main: as ``asyncio.run`` takes it.

    Returns:
        What it returns.
    """
    with asyncio.Runner(loop_factory=_Loop) as runner:
        return runner.run(main)
