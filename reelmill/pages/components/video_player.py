"""A player with the scenes of its video on a timeline."""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from typing import Any

from nicegui.element import Element

from reelmill.wording import clock


class VideoPlayer(Element, component="video_player.js"):
    """Plays a video of the library from the bytes of the REST API.

    Args:
        video_id: of the video that is played.
        title: of it, for a screen reader.
        scenes: from when to when each is, in seconds.
        duration: of the video, in seconds; None: it is not known.
        poster: whether it has a thumbnail.
        remedy: what somebody may do whose browser cannot play it.
    """

    def __init__(
        self,
        video_id: uuid.UUID,
        title: str,
        scenes: Iterable[tuple[float, float]],
        duration: float | None,
        *,
        poster: bool,
        remedy: str,
    ):
        super().__init__()
        source = f"/api/media/videos/{video_id}"
        given: dict[str, Any] = {
            "src": f"{source}/stream",
            "poster": f"{source}/thumbnail" if poster else None,
            "title": title,
            "duration": duration,
            "remedy": remedy,
            "scenes": [{"start": start, "end": end, "from": clock(start), "to": clock(end)} for start, end in scenes],
        }
        self._props.update(given)
