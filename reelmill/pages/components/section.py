"""A place of a page whose content is read from the site, without holding up the page."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, Final, Generic, TypeVar

from nicegui import background_tasks, ui

from reelmill.errors import ReelmillError
from reelmill.pages.components.states import error_state, loading_state

T = TypeVar("T")

#: Seconds that a page is held back for its content, so that it usually comes whole and nothing jumps.
_BLINK: Final = 0.6


class Section(Generic[T]):
    """A place that reads what it shows in a thread, and shows what is away where it cannot.

    Args:
        read: what is shown; may take its time, and raise our errors.
        show: builds elements of it.
    """

    def __init__(self, read: Callable[[], T], show: Callable[[T], Any]):
        self._read, self._show = read, show
        self._place = ui.element("div").classes("rm-section")
        self._shown: object = None
        self._reading = asyncio.Lock()

    async def open(self) -> None:
        """Show it for the first time; where reading takes longer than a blink, the page comes without it first."""
        task = background_tasks.create(self.refresh())
        await asyncio.wait([task], timeout=_BLINK)
        if not task.done():
            with self._place:
                loading_state()

    async def refresh(self) -> None:
        """Read it anew, and show it where it is not as it was."""
        async with self._reading:
            try:
                found: T | str = await asyncio.to_thread(self._read)
                failed = False
            except ReelmillError as error:
                found, failed = str(error), True
            if self._place.is_deleted or self._shown == (failed, found):
                return
            self._shown = (failed, found)
            self._place.clear()
            with self._place:
                if failed:
                    error_state(str(found), self.refresh)
                else:
                    self._show(found)  # type: ignore[arg-type]
