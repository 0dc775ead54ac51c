"""Two videos over each other, played as one, with a wipe between them."""

from __future__ import annotations

import uuid
from dataclasses import dataclass

from nicegui.element import Element


@dataclass(frozen=True)
class Side:
    """One of two videos."""

    video_id: uuid.UUID
    label: str  # over it


class VideoCompare(Element, component="video_compare.js"):
    """Plays two videos of the library at the same moment; a wipe, by pointer and by keyboard, shows one or the other.

    Args:
        left: one; both are as long as it is.
        right: the other.
        offset: seconds of the right one at which the left one begins.
    """

    def __init__(self, left: Side, right: Side, offset: float = 0.0):
        super().__init__()
        self._props.update(
            {
                "first": f"/api/media/videos/{left.video_id}/stream",
                "second": f"/api/media/videos/{right.video_id}/stream",
                "firstLabel": left.label,
                "secondLabel": right.label,
                "offset": offset,
            }
        )
