"""When a worker asks the server for work ahead of its next poll: at once on news, yet not in vain over and over."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from typing import Any, Final

_SOON_SECONDS: Final = 0.01  # what comes together is asked about once
_AGAIN_SECONDS: Final = 0.3


class Bell:
    """Asks soon after it is rung.

    News of a bulk of jobs come by the hundred, and before the server's transaction is through. So what is asked on
    news and finds nothing is asked once more a little later, and further news wait for that.
    """

    def __init__(
        self, ask: Callable[[], Awaitable[Sequence[object]]], spawn: Callable[[Coroutine[Any, Any, None]], None]
    ):
        self._ask, self._spawn = ask, spawn
        self._next: asyncio.TimerHandle | None = None
        self._news = False
        self._in_vain = False

    def ring(self) -> None:
        """There may be work to take."""
        self._ask_in(_SOON_SECONDS)

    def ring_again(self) -> None:
        """There may be work to take in a moment."""
        self._ask_in(_AGAIN_SECONDS)

    def news(self) -> None:
        """The server tells of a job that waits."""
        self._news = True
        self._ask_in(_AGAIN_SECONDS if self._in_vain else _SOON_SECONDS)

    def _ask_in(self, seconds: float) -> None:
        loop = asyncio.get_running_loop()
        due = loop.time() + seconds
        if self._next is not None:
            if self._next.when() <= due:
                return
            self._next.cancel()
        self._next = loop.call_at(due, self._due)

    def _due(self) -> None:
        self._next = None
        self._spawn(self._ask_now())

    async def _ask_now(self) -> None:
        news, self._news = self._news, False
        self._in_vain = not await self._ask() and news
        if self._in_vain:
            self.ring_again()
