"""A video in a list: its image, its title, what it is; a link to its page."""

from __future__ import annotations

from typing import Final

from nicegui import ui

from reelmill.catalogue.models import Video
from reelmill.pages.components.text import Text
from reelmill.pages.components.thumbnail import thumbnail
from reelmill.wording import clock, in_bytes

#: Where the page of each video is.
_PAGES: Final = "/library"


def video_entry(video: Video) -> None:
    """Show it."""
    length = "" if video.duration is None else clock(video.duration)
    with ui.link(target=f"{_PAGES}/{video.id}").classes("rm-card") as link:
        link.props["title"] = video.path
        thumbnail(video.id, there=video.thumbnail_path is not None, length=length)
        Text("span", video.title, "rm-card-title")
        with ui.element("span").classes("rm-card-facts"):
            Text("span", facts_line(video), "rm-ellipsis")
            if video.missing_since is not None:
                Text("span", "missing", "rm-badge rm-failed")
            elif not video.is_valid:
                Text("span", "invalid", "rm-badge rm-failed")


def facts_line(video: Video) -> str:
    """What a video is, in a line (pure): its height, size, codec and folder."""
    lines = None if video.height is None else f"{video.height}p"
    return " · ".join(filter(None, (lines, in_bytes(video.size), video.video_codec, video.directory_type)))
