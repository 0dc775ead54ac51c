"""A copy over its source, played as one, with a wipe between them."""

from __future__ import annotations

import uuid

from nicegui.element import Element


class VideoCompare(Element, component="video_compare.js"):
    """Plays two videos of the library at the same moment; a wipe, by pointer and by keyboard, shows one or the other.

    Args:
        source: id of the video on the left.
        copy: id of the one on the right.
    """

    def __init__(self, source: uuid.UUID, copy: uuid.UUID):
        super().__init__()
        self._props.update(
            {
                "first": f"/api/media/videos/{source}/stream",
                "second": f"/api/media/videos/{copy}/stream",
                "firstLabel": "source",
                "secondLabel": "copy",
            }
        )
