"""The pages as an application, in the process of the REST API and within its lifespan."""

from __future__ import annotations

import asyncio
import inspect
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from functools import cache
from typing import Any, Final, get_type_hints

from fastapi import FastAPI
from nicegui import Client, background_tasks, ui
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp

from reelmill.api.access.roles import Permission
from reelmill.api.services import Services
from reelmill.errors import ReelmillError
from reelmill.pages import login, theme
from reelmill.pages.components.section import UNREADABLE
from reelmill.pages.components.states import empty_state, error_state, loading_state
from reelmill.pages.components.text import Text
from reelmill.pages.guard import PageGuard
from reelmill.pages.registry import Page, all_pages
from reelmill.pages.shell import shell
from reelmill.pages.view import View
from reelmill.pages.watch import SiteWatch

_log = logging.getLogger(__name__)

#: Seconds that the server waits for a browser that has lost its connection, before it forgets the page.
_RECONNECT: Final = 10.0

#: Seconds that a page is held back for its content, so that it usually comes whole.
_BLINK: Final = 0.4

#: Where a login leads; whose role keeps them from there begins on the first page that is theirs.
_HOME: Final = "/"

#: Where one begins that may hand jobs in and see nothing.
_NEW_JOB: Final = "/jobs/new"


def pages_app(api: FastAPI) -> ASGIApp:
    """The pages; NiceGUI has one application a process, so that this is called once in each.

    Args:
        api: the REST API, whose services they use and whose lifespan is theirs.

    Returns:
        The pages, with their guard before them.
    """

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        async with api.router.lifespan_context(api):
            yield

    def services() -> Services:
        found: Services = api.state.services
        return found

    @cache
    def watch() -> SiteWatch:
        dispatcher = services().dispatcher
        return SiteWatch(dispatcher.reader.changes, dispatcher.snapshot.now)

    app = FastAPI(openapi_url=None, docs_url=None, redoc_url=None, lifespan=lifespan)
    app.router.routes.extend(login.routes(services))
    app.mount(theme.ASSETS_PATH, StaticFiles(directory=theme.ASSETS))
    pages = all_pages()
    for page in pages:
        ui.page(page.path, title=page.title)(_built(page, pages, watch))
    ui.run_with(
        app,
        title="Reelmill",
        favicon=theme.ASSETS / "icon.svg",
        language="en-US",
        dark=None,
        tailwind=False,
        reconnect_timeout=_RECONNECT,
        show_welcome_message=False,
    )
    return PageGuard(app, services)


def _built(
    page: Page, pages: Sequence[Page], watch: Callable[[], SiteWatch]
) -> Callable[..., Awaitable[Response | None]]:
    """What NiceGUI calls for a page: it takes what the page's own function takes, but for the view."""

    async def build(request: Request, client: Client, **given: Any) -> Response | None:
        view = View(request, client, watch())
        if page.path == _HOME and not view.viewer.may(page.permission):
            first = next(
                (each.path for each in pages if each.icon is not None and view.viewer.may(each.permission)), None
            )
            if first is None and view.viewer.may(Permission.CREATE_JOBS):
                first = _NEW_JOB
            if first is not None:
                return RedirectResponse(first)
        with shell(view, page, pages) as content:
            if page.permission is not None and not view.viewer.may(page.permission):
                _not_allowed(view, page.permission)
                return None
        task = background_tasks.create(_fill(content, page, view, given))
        await asyncio.wait([task], timeout=_BLINK)
        if not task.done() and not content.default_slot.children:
            with content, ui.element("div") as waiting:
                loading_state()
            task.add_done_callback(lambda _: None if waiting.is_deleted else waiting.delete())
        return None

    hints = get_type_hints(page.build)
    own = [each.replace(annotation=hints[each.name]) for each in _parameters(page)]
    kind = inspect.Parameter.POSITIONAL_OR_KEYWORD
    frame = [inspect.Parameter("request", kind, annotation=Request), inspect.Parameter("client", kind)]
    build.__signature__ = inspect.Signature([*frame, *own])  # type: ignore[attr-defined]
    return build


async def _fill(content: ui.element, page: Page, view: View, given: dict[str, Any]) -> None:
    """Build a page into its frame, which may have been sent by then: the rest of it follows over its socket."""

    async def build() -> None:
        with content:
            await page.build(view, **given)

    (fault,) = await asyncio.gather(build(), return_exceptions=True)
    if fault is None:
        return
    sentence = str(fault)
    if not isinstance(fault, ReelmillError):  # nothing else would show that the page is not whole
        _log.error("the page %s could not be built", page.path, exc_info=fault)
        sentence = UNREADABLE
    if not content.is_deleted:
        with content:
            error_state(sentence, lambda: view.client.run_javascript("location.reload()"))


def _parameters(page: Page) -> list[inspect.Parameter]:
    """What a page's function takes beside its view."""
    return [*inspect.signature(page.build).parameters.values()][1:]


def _not_allowed(view: View, permission: Permission) -> None:
    role = view.viewer.caller.role
    Text("h1", "Not for this token")
    empty_state(f"The role {role} may not {permission}.", "Log in with a token of another role.", icon="lock")
