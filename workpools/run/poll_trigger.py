"""A debounced trigger for a poll ahead of a worker's next one."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from typing import Any, Final

_SOON_SECONDS: Final = 0.01  # events that come together lead to one poll
_AGAIN_SECONDS: Final = 0.3


class PollTrigger:
    """Polls soon after it is asked to.

    Events of a bulk of jobs come by the hundred, and before the server has committed its transaction. So a poll on an
    event that finds nothing is repeated once a little later, and further events wait for that one.

    Args:
        poll: asks the server for work, and returns the runs it gave.
        spawn: runs a coroutine beside everything else.
    """

    def __init__(
        self, poll: Callable[[], Awaitable[Sequence[object]]], spawn: Callable[[Coroutine[Any, Any, None]], None]
    ):
        self._poll, self._spawn = poll, spawn
        self._next: asyncio.TimerHandle | None = None
        self._event_came = False  # since the last poll
        self._too_early = False  # the last poll, on an event, found nothing

    def poll_soon(self) -> None:
        """There may be work to take."""
        self._poll_in(_SOON_SECONDS)

    def poll_again(self) -> None:
        """There may be work to take in a moment."""
        self._poll_in(_AGAIN_SECONDS)

    def on_event(self) -> None:
        """Note that the server has sent an event of a job that waits."""
        self._event_came = True
        self._poll_in(_AGAIN_SECONDS if self._too_early else _SOON_SECONDS)

    def _poll_in(self, seconds: float) -> None:
        loop = asyncio.get_running_loop()
        due = loop.time() + seconds
        if self._next is not None:
            if self._next.when() <= due:
                return
            self._next.cancel()
        self._next = loop.call_at(due, self._due)

    def _due(self) -> None:
        self._next = None
        self._spawn(self._poll_now())

    async def _poll_now(self) -> None:
        on_event, self._event_came = self._event_came, False
        self._too_early = not await self._poll() and on_event
        if self._too_early:
            self.poll_again()
