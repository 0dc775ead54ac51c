"""The library: its videos as thumbnails, searched, sorted and filtered, a page at a time."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Final

from nicegui import ui

from reelmill.api.access.roles import Permission
from reelmill.catalogue.engine import session
from reelmill.catalogue.videos.browsing import Order, VideoPage, browse, directory_types
from reelmill.catalogue.videos.listing import Total
from reelmill.catalogue.videos.savings import Savings, savings_of
from reelmill.errors import FilterError, UserError
from reelmill.pages import theme
from reelmill.pages.components.query_form import query_choice, query_form, query_text
from reelmill.pages.components.states import button, empty_state
from reelmill.pages.components.text import Text
from reelmill.pages.components.video_entry import video_entry
from reelmill.pages.library_query import DUPLICATES, LIBRARY, LibraryQuery, Origin, State
from reelmill.pages.registry import page
from reelmill.pages.video_actions import VideoAction, hand_in
from reelmill.pages.view import View
from reelmill.storage.media_root import MediaRoot
from reelmill.wording import in_saving

#: Videos on a page: whole rows of two, three, four, five and six.
_SHOWN: Final = 60

_ORDERS: Final = (
    (Order.NEWEST, "Newest first"),
    (Order.TITLE, "Title"),
    (Order.PATH, "Path"),
    (Order.LARGEST, "Largest first"),
    (Order.LONGEST, "Longest first"),
    (Order.SAVING, "Copies that save most"),
)
_STATES: Final = (
    (State.ANY, "Any"),
    (State.USABLE, "Valid and there"),
    (State.INVALID, "Invalid"),
    (State.MISSING, "Missing"),
)
_ORIGINS: Final = ((Origin.ANY, "Any"), (Origin.SOURCES, "Sources"), (Origin.MADE, "Made by jobs"))


#: The directory type that a scan looks into where none is named.
_FIRST: Final = "videos"

_SCAN: Final = VideoAction("A scan", "scan", "search", "")


@dataclass(frozen=True)
class LibraryPage:
    """What is read for the page."""

    page: VideoPage
    savings: Savings | None = None  # of all that are meant; None where something is wrong, or nobody asks of very many
    wrong: str = ""  # with what was chosen


@page(LIBRARY, "Library", permission=Permission.READ_VIDEOS, icon="video_library", place=20)
async def library(view: View) -> None:
    """Build the page."""
    ui.add_head_html(f'<link rel="stylesheet" href="{theme.asset("library.css")}">')
    query = LibraryQuery.read(view.choice)

    def show(found: LibraryPage) -> None:
        _show(view, query, found)

    with ui.element("div").classes("rm-head"):
        Text("h1", "Library")
        with ui.link(target=DUPLICATES).classes("rm-button"):
            ui.icon("difference").props('aria-hidden="true"')
            Text("span", "Duplicates")
    await view.section(_folders, lambda folders: _form(query, folders))
    await view.section(lambda: _read(query), show)


def _folders() -> list[str]:
    with session() as opened:
        return directory_types(opened)


def _read(query: LibraryQuery) -> LibraryPage:
    try:
        condition = query.condition()
        with session() as opened:
            found = browse(opened, condition, query.order, after=query.after, limit=_SHOWN)
            # To sum up the copies among very many videos takes as long as to count those one by one.
            summed = found.total.exact or query.order is Order.SAVING
            return LibraryPage(found, savings_of(opened, condition) if summed else None)
    except (FilterError, UserError) as error:
        return LibraryPage(VideoPage((), Total(0), None), wrong=str(error))


def _form(query: LibraryQuery, folders: list[str]) -> None:
    with query_form(LIBRARY, "Videos"):
        query_text("search", "Search", query.words, hint="title, file name or tag")
        query_choice("sort", "Sort", _ORDERS, query.order)
        query_choice("folder", "Folder", [("", "Any"), *((name, name) for name in folders)], query.folder)
        query_choice("state", "State", _STATES, query.state)
        query_choice("origin", "Origin", _ORIGINS, query.origin)
        query_text("where", "Filter", query.where, hint="duration > 10m and copy is missing")
        with ui.element("div").classes("rm-query-end"):
            with ui.element("button").props('type="submit"').classes("rm-button rm-primary"):
                Text("span", "Search")
            if query.narrows:
                ui.link("Clear", LIBRARY).classes("rm-button rm-quiet")


def _show(view: View, query: LibraryQuery, found: LibraryPage) -> None:
    if found.wrong:
        with ui.element("div").classes("rm-state rm-state-error").props('role="alert"'):
            ui.icon("filter_alt_off").classes("rm-state-icon").props('aria-hidden="true"')
            Text("p", "This filter cannot be read.", "rm-state-sentence")
            Text("p", found.wrong, "rm-quiet rm-prose")
            ui.link("Show all videos", LIBRARY).classes("rm-button")
        return
    if not found.page.total.count:
        _show_nothing(view, query)
        return
    with ui.element("div").classes("rm-between rm-wrap"):
        Text("p", count_line(found), "rm-quiet").props('role="status"')
        if view.may(Permission.CREATE_JOBS) and view.may(Permission.MANAGE_JOBS):
            with ui.link(target=query.batch_address()).classes("rm-button"):
                ui.icon("playlist_add").props('aria-hidden="true"')
                Text("span", f"Batch for {'these' if query.narrows else 'all'}")
    with ui.element("ul").classes("rm-grid"):
        for video in found.page.videos:
            with ui.element("li"):
                video_entry(video)
    with ui.element("nav").classes("rm-buttons").props('aria-label="Pages of videos"'):
        if query.after:
            ui.link("First page", query.address()).classes("rm-button")
        if found.page.next is not None:
            ui.link("Next page", query.address(after=found.page.next)).classes("rm-button")


def count_line(found: LibraryPage) -> str:
    """How many videos there are, and what the copies among them save (pure)."""
    savings, count = found.savings, f"{found.page.total} {'video' if found.page.total.count == 1 else 'videos'}"
    if savings is None or not savings.copies:
        return count
    copies = "1 web copy saves" if savings.copies == 1 else f"{savings.copies:,} web copies save"
    return f"{count} · {copies} {in_saving(savings.source_size, savings.size)}"


def _show_nothing(view: View, query: LibraryQuery) -> None:
    if query.narrows or query.after:
        empty_state("No video fits.", "Take a word or a choice back.", icon="search_off", action=("Clear", LIBRARY))
        return
    folder = MediaRoot(view.services.settings.media_root).folder(_FIRST)
    empty_state("The library has no videos yet.", f"Put some into {folder}, then scan it:", icon="video_library")
    with ui.element("div").classes("rm-first-steps"):
        if view.may(Permission.CREATE_JOBS):
            button("Scan the library", partial(hand_in, view, _SCAN, {}), kind="primary", icon="search")
        else:
            Text("code", "reelmill jobs submit scan")
        Text("p", "Another folder is set by REELMILL_MEDIA_ROOT before the site starts.", "rm-quiet rm-small")
