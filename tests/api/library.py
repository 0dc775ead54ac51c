"""Videos in the catalogue, for tests that name them."""

from __future__ import annotations

import uuid

from reelmill.catalogue.engine import session
from reelmill.catalogue.models import Video
from reelmill.catalogue.videos import scanning


def add_video(name: str = "chaplin.mp4") -> uuid.UUID:
    """A record of a video in ``inbox``; returns its id."""
    video = Video(
        path=f"inbox/{name}", title=name.partition(".")[0], directory_type="inbox", filename=name, size=1, mtime_ns=1
    )
    with session() as opened:
        scanning.upsert_videos(opened, [video])
    return video.id
