"""A copy compared with its source: both at the same moment, and what the copy saves."""

from __future__ import annotations

import asyncio
import uuid

from nicegui import ui

from reelmill.api.access.roles import Permission
from reelmill.catalogue.engine import session
from reelmill.catalogue.models import Video
from reelmill.catalogue.searching import get_video
from reelmill.catalogue.video_details import VideoDetails, read_details
from reelmill.errors import UnknownVideo
from reelmill.pages import theme
from reelmill.pages.components.states import empty_state
from reelmill.pages.components.text import Text
from reelmill.pages.components.video_compare import VideoCompare
from reelmill.pages.library_query import LIBRARY
from reelmill.pages.registry import page
from reelmill.pages.view import View
from reelmill.pages.views.video import copy_line, facts


@page(f"{LIBRARY}/{{video_id}}/compare", "Compare", permission=Permission.READ_VIDEOS, section=LIBRARY)
async def compare(_view: View, video_id: uuid.UUID) -> None:
    """Build the page of a copy."""
    ui.add_head_html(f'<link rel="stylesheet" href="{theme.asset("library.css")}">')
    with ui.element("nav").props('aria-label="Where this is"'):
        ui.link("Library", LIBRARY)
    Text("h1", "Compare")
    try:
        details = await asyncio.to_thread(_read, video_id)
    except UnknownVideo:
        empty_state("There is no video of this id.", "A scan may have removed it.", action=("All videos", LIBRARY))
        return
    source = details.source
    if source is None:
        way = ("The video", f"{LIBRARY}/{video_id}")
        empty_state("This video was made of no other.", "Open the page of a copy, and compare from there.", action=way)
        return
    Text("p", copy_line(source, details.video), "rm-saving")
    with ui.element("section").classes("rm-panel").props('aria-label="Players"'):
        VideoCompare(source.id, details.video.id)
    with ui.element("div").classes("rm-columns"):
        _show_facts("Source", source)
        _show_facts("Copy", details.video)


def _show_facts(name: str, record: Video) -> None:
    with ui.element("section").classes("rm-panel").props(f'aria-label="{name}"'):
        with ui.element("h2"):
            ui.link(f"{name}: {record.title}", f"{LIBRARY}/{record.id}")
        with ui.element("dl").classes("rm-facts rm-facts-grid"):
            for fact, value in facts(record):
                Text("dt", fact)
                Text("dd", value)


def _read(video_id: uuid.UUID) -> VideoDetails:
    with session() as opened:
        return read_details(opened, get_video(opened, video_id))
