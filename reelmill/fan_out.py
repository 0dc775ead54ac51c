"""How many small works are run at once: threads here, or whatever a flow hands in. Imports nothing: it travels."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from typing import Protocol, TypeVar

Work = TypeVar("Work")
Found = TypeVar("Found")


def cores() -> int:
    """How many this process may use."""
    return len(os.sched_getaffinity(0))


def ignore(_: object) -> None:
    """For a caller who need not know what is done."""


class FanOut(Protocol):
    """Runs one function on each of many works, here or elsewhere."""

    def __call__(
        self, function: Callable[[Work], Found], works: Sequence[Work], done: Callable[[Found], None] = ignore, /
    ) -> list[Found]:
        """What each gives, in their order; ``done`` is told of each as it comes."""


def threads(
    function: Callable[[Work], Found], works: Sequence[Work], done: Callable[[Found], None] = ignore
) -> list[Found]:
    """The fan-out of a single process: one thread a core. After an error no further work is begun."""
    with ThreadPoolExecutor(cores()) as pool:
        futures = [pool.submit(function, work) for work in works]
        try:
            for future in as_completed(futures):
                done(future.result())
        finally:
            pool.shutdown(cancel_futures=True)
    return [future.result() for future in futures]


def in_turn(
    function: Callable[[Work], Found], works: Sequence[Work], done: Callable[[Found], None] = ignore
) -> list[Found]:
    """One after the other, for what holds a device that serves one at a time."""
    found = []
    for work in works:
        found.append(function(work))
        done(found[-1])
    return found
