"""What every page has around it: navigation, the choice of light or dark, the way out."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Final

from nicegui import ui

from reelmill.pages import theme
from reelmill.pages.components.text import Text
from reelmill.pages.login import LOGOUT_PATH
from reelmill.pages.registry import Page
from reelmill.pages.view import View

_HEAD: Final = '<link rel="stylesheet" href="{style}">'

#: The next of the three themes, by the one before.
_NEXT: Final = {theme.Theme.AUTO: theme.Theme.LIGHT, theme.Theme.LIGHT: theme.Theme.DARK}
_THEME_ICONS: Final = {
    theme.Theme.AUTO: "brightness_auto",
    theme.Theme.LIGHT: "light_mode",
    theme.Theme.DARK: "dark_mode",
}


@contextmanager
def shell(view: View, page: Page, pages: Sequence[Page]) -> Iterator[ui.element]:
    """Build the frame; what is built within stands in it.

    Args:
        view: of the page.
        page: that is built.
        pages: all there are; those that may not be opened have no entry.

    Yields:
        The place of what the page itself shows.
    """
    ui.add_head_html(_HEAD.format(style=theme.asset("theme.css")))
    ui.page_title(f"{page.title} – Reelmill")
    chosen = theme.chosen(view.request)
    dark = ui.dark_mode(chosen.dark)
    with ui.header(elevated=False).classes("rm-header"):
        ui.link("To the content", "#content").classes("rm-skip")  # the first that Tab comes to
        ui.link("Reelmill", "/").classes("rm-brand")
        with ui.element("nav").classes("rm-nav").props('aria-label="Pages"'):
            for entry in pages:
                if entry.icon is not None and view.viewer.may(entry.permission):
                    _entry(entry, entry.icon, current=entry.path == page.section)
        with ui.element("div").classes("rm-who"):
            _theme_button(chosen, dark)
            _way_out(view)
    with ui.element("div").classes("rm-content").props('id="content" tabindex="-1"') as content:
        yield content


def _entry(page: Page, icon: str, *, current: bool) -> None:
    with ui.link(target=page.path).classes("rm-nav-entry") as link:
        ui.icon(icon).props('aria-hidden="true"')
        Text("span", page.title)
    if current:
        link.props('aria-current="page"')


def _theme_button(chosen: theme.Theme, dark: ui.dark_mode) -> None:
    state = {"chosen": chosen}

    def change() -> None:
        state["chosen"] = now = _NEXT.get(state["chosen"], theme.Theme.AUTO)
        dark.value = now.dark
        icon.set_name(_THEME_ICONS[now])
        made.props(f'aria-label="Theme: {now}" title="Theme: {now}"')
        ui.run_javascript(f"document.cookie = '{theme.THEME_COOKIE}={now}; path=/; max-age=31536000; samesite=lax'")

    made = ui.element("button").props(f'type="button" aria-label="Theme: {chosen}" title="Theme: {chosen}"')
    made.classes("rm-button rm-quiet rm-icon-only").on("click", change)
    with made:
        icon = ui.icon(_THEME_ICONS[chosen]).props('aria-hidden="true"')


def _way_out(view: View) -> None:
    """Who is logged in, and the button that ends it; a form, so that it needs no socket."""
    if view.viewer.token is None:  # login is off
        return
    with ui.element("form").props(f'method="post" action="{LOGOUT_PATH}"').classes("rm-way-out"):
        Text("span", view.viewer.name, "rm-quiet rm-name")
        with ui.element("button").props('type="submit" title="Log out" aria-label="Log out"') as made:
            made.classes("rm-button rm-quiet rm-icon-only")
            ui.icon("logout").props('aria-hidden="true"')
