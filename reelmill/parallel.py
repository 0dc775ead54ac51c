"""One function run on many works: by threads of this process, or by whatever else a flow hands in.

The module imports nothing of the house: it goes to other nodes with the works.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from contextvars import copy_context
from typing import ParamSpec, Protocol, TypeVar

Work = TypeVar("Work")
Result = TypeVar("Result")
Arguments = ParamSpec("Arguments")


def cores() -> int:
    """How many this process may use."""
    return len(os.sched_getaffinity(0))


def ignore(_: object) -> None:
    """For a caller who needs the results at the end only."""


class FanOut(Protocol):
    """Runs one function on each of many works, here or on other nodes."""

    def __call__(
        self, function: Callable[[Work], Result], works: Sequence[Work], on_result: Callable[[Result], None] = ignore, /
    ) -> list[Result]:
        """Run all of them.

        Args:
            function: what is run; it must survive pickling where the works go to other nodes.
            works: what it is run on.
            on_result: is called with each result as soon as it is there, in the caller's thread.

        Returns:
            The results, in the order of the works.
        """


def in_threads(
    function: Callable[[Work], Result], works: Sequence[Work], on_result: Callable[[Result], None] = ignore
) -> list[Result]:
    """The fan-out of a single process: one thread a core. After an error no further work is begun."""
    with ThreadPoolExecutor(cores()) as pool:
        futures = [pool.submit(function, work) for work in works]
        try:
            for future in as_completed(futures):
                on_result(future.result())
        finally:
            pool.shutdown(cancel_futures=True)
    return [future.result() for future in futures]


def in_order(
    function: Callable[[Work], Result], works: Sequence[Work], on_result: Callable[[Result], None] = ignore
) -> list[Result]:
    """One work after the other, for a device that serves one at a time."""
    results = []
    for work in works:
        results.append(function(work))
        on_result(results[-1])
    return results


def begin(
    threads: ThreadPoolExecutor,
    function: Callable[Arguments, Result],
    *args: Arguments.args,
    **kwargs: Arguments.kwargs,
) -> Future[Result]:
    """Begin one work beside others, in the context of who begins it: under its guards, by its settings.

    Args:
        threads: one of which does it.
        function: what is run.
        *args: for it.
        **kwargs: for it.

    Returns:
        What has its result in a while.
    """
    context = copy_context()
    return threads.submit(lambda: context.run(function, *args, **kwargs))
