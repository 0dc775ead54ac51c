"""The background tasks of a worker: an endless one that fails is logged and started again."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, ClassVar

from workpools.guard import guarded


class BackgroundTasks:
    """The tasks that run beside a worker's jobs, ended together."""

    #: Seconds before a failed task is started again: the first and the longest pause.
    FIRST_PAUSE: ClassVar[float] = 1.0
    LONGEST_PAUSE: ClassVar[float] = 60.0

    def __init__(self, logger: logging.Logger | Any):
        self._logger = logger
        self._tasks: set[asyncio.Task[None]] = set()

    def spawn(self, work: Coroutine[Any, Any, None]) -> None:
        """Run something once; a failure is logged."""
        self._add(self._once(work))

    def run_restarting(self, what: str, work: Callable[[], Awaitable[None]]) -> None:
        """Run something until it returns; whenever it fails, that is logged and it is started again.

        Args:
            what: names it in the log.
            work: called anew for each start.
        """
        self._add(self._restarting(what, work))

    async def end(self) -> None:
        """Cancel all of them and wait until they have ended."""
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _add(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _once(self, work: Awaitable[None]) -> None:
        failure = await guarded(work)
        if failure is not None:
            self._logger.error("a part of the worker failed", exc_info=failure)

    async def _restarting(self, what: str, work: Callable[[], Awaitable[None]]) -> None:
        loop, pause = asyncio.get_running_loop(), self.FIRST_PAUSE
        while True:
            began = loop.time()
            failure = await guarded(work())
            if failure is None:
                return
            if loop.time() - began > self.LONGEST_PAUSE:  # it went well for a while
                pause = self.FIRST_PAUSE
            self._logger.error("%s failed and is started again in %g s", what, pause, exc_info=failure)
            await asyncio.sleep(pause)
            pause = min(self.LONGEST_PAUSE, pause * 2)
