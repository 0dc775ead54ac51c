"""A place of a page whose content is read from the site, without holding up the page."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Any, Final, Generic, TypeVar

from nicegui import background_tasks, ui

from reelmill.errors import ReelmillError
from reelmill.pages.components.states import error_state, loading_state

T = TypeVar("T")

_log = logging.getLogger(__name__)

#: What is shown of an error that nobody has foreseen.
UNREADABLE: Final = "This could not be shown; the log of the REST API says more."

#: Seconds that a page is held back for its content, so that it usually comes whole and nothing jumps.
_BLINK: Final = 0.3


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
        if self._shown is None and not task.done():  # shown already, it is done in a moment
            with self._place:
                loading_state()

    async def refresh(self) -> None:
        """Read it anew, and show it where it is not as it was."""
        async with self._reading:
            (read,) = await asyncio.gather(asyncio.to_thread(self._read), return_exceptions=True)
            found, failed = (_sentence(read), True) if isinstance(read, BaseException) else (read, False)
            if self._place.is_deleted or self._shown == (failed, found):
                return
            self._shown = (failed, found)
            if not failed:
                (fault,) = await asyncio.gather(self._build(found), return_exceptions=True)
                if fault is None:
                    return
                found = _sentence(fault)
            self._place.clear()
            with self._place:
                error_state(str(found), self._again)

    async def _build(self, found: Any) -> None:
        """Show it; a fault there takes away no other place of the page."""
        self._place.clear()
        with self._place:
            self._show(found)

    async def _again(self) -> None:
        """Show it anew even where it is read as it was."""
        self._shown = None
        await self.refresh()


def _sentence(error: BaseException) -> str:
    if isinstance(error, ReelmillError):
        return str(error)
    _log.error("a place of a page could not be shown", exc_info=error)
    return UNREADABLE
