"""The image of a video, or that there is none."""

from __future__ import annotations

import uuid

from nicegui import ui

from reelmill.pages.components.text import Text


def thumbnail(video_id: uuid.UUID, *, there: bool, length: str = "") -> None:
    """Show it; it is loaded once it comes into sight.

    Args:
        video_id: of the video.
        there: the catalogue knows of one.
        length: of the video, as players show it.
    """
    with ui.element("span").classes("rm-thumb"):
        if there:
            # Beside it stands the title, so that for a screen reader the image adds nothing.
            ui.element("img").props(f'src="/api/media/videos/{video_id}/thumbnail" alt="" loading="lazy"')
        else:
            with ui.element("span").classes("rm-thumb-none"):
                ui.icon("image_not_supported").props('aria-hidden="true"')
                Text("span", "No thumbnail yet")
        if length:
            Text("span", length, "rm-thumb-length")
