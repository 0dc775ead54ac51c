"""Two videos compared, played as one: a copy with its source and what it saves, or any two, such as duplicates."""

from __future__ import annotations

import asyncio
import math
from dataclasses import dataclass

from nicegui import ui

from reelmill.api.access.roles import Permission
from reelmill.catalogue.engine import session
from reelmill.catalogue.models import Video
from reelmill.catalogue.videos.searching import get_video
from reelmill.errors import UnknownVideo
from reelmill.operations.derived.likeness import likenesses
from reelmill.pages import theme
from reelmill.pages.components.states import empty_state
from reelmill.pages.components.text import Text, labelled
from reelmill.pages.components.video_compare import Side, VideoCompare
from reelmill.pages.library_query import LIBRARY
from reelmill.pages.registry import page
from reelmill.pages.view import View
from reelmill.pages.views.video import copy_line, facts, id_in_address


@dataclass(frozen=True)
class _Two:
    """What is compared."""

    left: Video
    right: Video
    line: str  # what there is to say of both


@dataclass(frozen=True)
class NamedVideo:
    """One of two videos, as the page names it."""

    record: Video
    role: str  # what it is to the other; empty where neither was made of the other
    label: str  # over it in the player


@page(f"{LIBRARY}/{{video_id}}/compare", "Compare", permission=Permission.READ_VIDEOS, section=LIBRARY)
async def compare(view: View, video_id: str) -> None:
    """Build the page of a video beside its source, or beside the one that ``with`` names."""
    ui.add_head_html(f'<link rel="stylesheet" href="{theme.asset("library.css")}">')
    with ui.element("nav").props('aria-label="Where this is"'):
        ui.link("Library", LIBRARY)
    Text("h1", "Compare")
    offset = _seconds(view.choice("at"))
    try:
        two = await asyncio.to_thread(_read, video_id, view.choice("with"), offset)
    except UnknownVideo:
        empty_state("There is no video of this id.", "A scan may have removed it.", action=("All videos", LIBRARY))
        return
    if two is None:
        way = ("The video", f"{LIBRARY}/{video_id}")
        empty_state("This video was made of no other.", "Open the page of a copy, and compare from there.", action=way)
        return
    sides = named(two.left, two.right)
    if two.line:
        Text("p", two.line, "rm-saving")
    with ui.element("section").classes("rm-panel").props('aria-label="Players"'):
        left, right = (Side(side.record.id, side.label) for side in sides)
        VideoCompare(left, right, offset=offset)
    with ui.element("div").classes("rm-columns"):
        for side in sides:
            _show_facts(side.record, side.role)


def _show_facts(record: Video, role: str) -> None:
    with labelled(ui.element("section").classes("rm-panel"), role or record.path):
        with ui.element("h2"):
            ui.link(f"{role}: {record.title}" if role else record.title, f"{LIBRARY}/{record.id}")
        if not role:
            Text("p", record.path, "rm-quiet rm-small rm-path")
        with ui.element("dl").classes("rm-facts rm-facts-grid"):
            for fact, value in facts(record):
                Text("dt", fact)
                Text("dd", value)


def _read(video_id: str, other: str, offset: float) -> _Two | None:
    """Both records; None where the video has no source, and no other was chosen."""
    with session() as opened:
        video = get_video(opened, id_in_address(video_id))
        if other:
            left, right = video, get_video(opened, id_in_address(other))
        elif video.source_video_id is not None:
            left, right = get_video(opened, video.source_video_id), video
        else:
            return None
        if right.source_video_id == left.id:
            return _Two(left, right, copy_line(left, right))
        alike = likenesses(opened, [(left, right)], offset).get((left.id, right.id))
    return _Two(left, right, alike_line(left, right, alike))


def named(left: Video, right: Video) -> tuple[NamedVideo, NamedVideo]:
    """Two videos as the page names them (pure): by what they are to each other, else by their files.

    Args:
        left: one.
        right: the other.

    Returns:
        Both.
    """
    if right.source_video_id == left.id:
        return NamedVideo(left, "Source", "source"), NamedVideo(right, "Copy", "copy")
    if left.filename == right.filename:
        return NamedVideo(left, "", left.path), NamedVideo(right, "", right.path)
    return NamedVideo(left, "", left.filename), NamedVideo(right, "", right.filename)


def alike_line(left: Video, right: Video, alike: float | None) -> str:
    """What two videos have of each other, in a sentence (pure).

    Args:
        left: one.
        right: the other.
        alike: which share of their seconds looks alike, 0 to 1; None: not known.

    Returns:
        The sentence; empty where nothing is known.
    """
    if left.content_id is not None and left.content_id == right.content_id:
        return "Both files hold exactly the same."
    return "" if not alike else f"{alike:.0%} of their seconds look alike.".replace("%", " %")


def _seconds(text: str) -> float:
    """An offset of an address; what is none counts as 0."""
    try:
        value = float(text or 0)
    except ValueError:
        return 0.0
    return value if math.isfinite(value) else 0.0
