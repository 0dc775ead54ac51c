"""What a page is built with: the services of the site, its own address, what changes, and what may be done."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from typing import Any, Final, TypeVar

from nicegui import Client, background_tasks, ui
from starlette.requests import Request

from reelmill.api.access.caller import NotLoggedIn, TooManyAttempts
from reelmill.api.access.roles import Permission
from reelmill.api.services import Services
from reelmill.dispatch import Actor
from reelmill.errors import ReelmillError
from reelmill.pages.address import Choice, address
from reelmill.pages.components.section import Section
from reelmill.pages.components.toast import leave_with_toast, show_arrived, toast
from reelmill.pages.login import LOGIN_PATH
from reelmill.pages.viewer import Viewer
from reelmill.pages.watch import Reading, SiteWatch, Watcher

T = TypeVar("T")

#: Seconds after which it is asked again whether somebody still may look.
_CHECKED: Final = 5.0

#: Seconds that a browser has to leave for the login.
_LEAVING: Final = 2.0

#: Seconds in which the same fault is shown once: a timer has it again and again.
_SAME_FAULT: Final = 10.0

_FAULT: Final = "That went wrong; the log of the REST API says more."

_LOG_IN: Final = f"location.href = '{LOGIN_PATH}?next=' + encodeURIComponent(location.pathname + location.search)"


class View:
    """One page in one browser.

    Args:
        request: for the page.
        client: of NiceGUI, that the page belongs to.
        watch: of the site.
    """

    def __init__(self, request: Request, client: Client, watch: SiteWatch):
        self.request, self.client = request, client
        self.viewer: Viewer = request.state.viewer
        self._watch, self._open = watch, ExitStack()
        client.on_delete(self._open.close)
        client.on_connect(self._begin_checks)
        client.on_exception(self._show_fault)
        show_arrived(client)
        self._checks: ui.timer | None = None
        self._ended = False
        self._fault: tuple[str, float] | None = None

    @property
    def services(self) -> Services:
        """Of the site: the dispatcher, its reader and snapshot, the settings. Asking them blocks: see ``section``."""
        return self.viewer.services

    def may(self, permission: Permission) -> bool:
        """Whether something is offered at all."""
        return self.viewer.may(permission)

    async def section(self, read: Callable[[], T], show: Callable[[T], Any]) -> Section[T]:
        """A place of the page with what is read from the site.

        Args:
            read: reads it, in a thread.
            show: builds elements of it.

        Returns:
            The place, to be refreshed as things change.
        """
        made = Section(read, show)
        await made.open()
        return made

    def on_change(self, watcher: Watcher) -> None:
        """Have something happen in this page whenever anything on the site changes, within two seconds.

        Args:
            watcher: is awaited with what has changed, where it may build and change elements.
        """

        showing = asyncio.Lock()
        waiting: Reading | None = Reading().after_gap()  # whatever came between the reading of the page and its socket

        async def show(reading: Reading) -> None:
            nonlocal waiting
            waiting = reading if waiting is None else waiting.followed_by(reading)
            if showing.locked():  # who has it takes this along
                return
            async with showing:
                while waiting is not None and self.client.has_socket_connection:
                    news, waiting = waiting, None
                    with self.client:
                        await watcher(news)

        async def watched(reading: Reading) -> None:
            # No page waits for a slower one. Its fault is shown in this page, as one of a button or a timer is.
            background_tasks.create(show(reading), context=self.client)

        if not self.client.is_deleted:  # it was left before it was whole, and nobody would end this
            self._open.enter_context(self._watch.watched_by(watched))

    def choices(self, name: str) -> list[str]:
        """What the address of the page has chosen for one thing; empty where nothing."""
        return [value for value in self.request.query_params.getlist(name) if value]

    def choice(self, name: str) -> str:
        """The one value that the address of the page has for something, or nothing."""
        return self.request.query_params.get(name, "")

    def set_address(self, choices: Mapping[str, Choice]) -> None:
        """Put the choices of the page into its address, without a step for the back button.

        Args:
            choices: by name.
        """
        chosen = json.dumps(address(self.request.url.path, choices))
        self.client.run_javascript(f"history.replaceState(history.state, '', {chosen})")

    async def act(
        self,
        permission: Permission,
        done: str,
        act: Callable[[Actor], object],
        *,
        refused: Callable[[ReelmillError], bool] = lambda _: False,
    ) -> bool:
        """Do something as whoever looks, and show what came of it.

        Args:
            permission: that is needed, looked up at this moment.
            done: the sentence for when it is done.
            act: does it; may take its time, and raise our errors.
            refused: shows why not in a place of its own; False: it has none for that error, and a toast has it.

        Returns:
            Whether it was done.
        """
        if not await self._acted(permission, act, refused):
            return False
        with self.client:
            toast(done)
        return True

    async def act_and_leave(
        self, permission: Permission, done: str, act: Callable[[Actor], str], *, replace: bool = False
    ) -> None:
        """Do something as whoever looks, and open a page that shows what came of it.

        Args:
            permission: that is needed, looked up at this moment.
            done: the sentence for when it is done.
            act: does it and returns the address of that page; may take its time, and raise our errors.
            replace: the back button does not lead here again.
        """
        opened: list[str] = []
        if await self._acted(permission, lambda by: opened.append(act(by))):
            leave_with_toast(self.client, opened[0], done, replace=replace)

    async def _acted(
        self,
        permission: Permission,
        act: Callable[[Actor], object],
        refused: Callable[[ReelmillError], bool] = lambda _: False,
    ) -> bool:
        """Whether something was done; where not, what stands in its way is shown."""

        def checked() -> None:
            act(self.viewer.check(permission))

        try:
            await asyncio.to_thread(checked)
            self.show_at_once()
        except (NotLoggedIn, TooManyAttempts):
            self.log_in()
        except ReelmillError as error:
            with self.client:
                if not refused(error):
                    toast(str(error), failed=True)
        else:
            return True
        return False

    def show_at_once(self) -> None:
        """After something was done: have the site read at once, for this page and all others."""
        self.services.dispatcher.snapshot.expire()
        self._watch.wake()

    def focus(self, element: ui.element) -> None:
        """Put the focus on what stands, made anew, in the place of what somebody has just pressed."""
        self.client.run_javascript(f"document.getElementById('{element.html_id}')?.focus()")

    def log_in(self) -> None:
        """Ask for a token, and come back to this place with what is chosen in it; this page shows nothing any more."""
        self.client.run_javascript(_LOG_IN)
        self._open.close()
        if not self._ended:
            self._ended = True
            background_tasks.create(self._end())

    async def _end(self) -> None:
        """End it here, too, for a browser that goes nowhere; NiceGUI ends it for one whose socket is gone, and once."""
        while not self.client.is_deleted:
            await asyncio.sleep(_LEAVING)
            if self.client.has_socket_connection and not self.client.is_deleted:
                self.client.delete()

    def _show_fault(self, error: Exception) -> None:
        """What went wrong in a button, a timer or a change that nobody has foreseen; NiceGUI puts it into the log."""
        before, self._fault = self._fault, (repr(error), time.monotonic())
        if before is None or before[0] != self._fault[0] or self._fault[1] - before[1] > _SAME_FAULT:
            toast(_FAULT, failed=True)

    def _begin_checks(self) -> None:
        if self._checks is None:
            with self.client:
                self._checks = ui.timer(_CHECKED, self._check, immediate=False)

    async def _check(self) -> None:
        """A token may end, or be revoked, long before its page is closed."""
        try:
            await asyncio.to_thread(self.viewer.check)
        except (NotLoggedIn, TooManyAttempts):
            self.log_in()
        except ReelmillError:  # the database is away, and nobody's token over for that
            return
