"""The file name of a video, for whoever shows it and can do without."""

from __future__ import annotations

from pathlib import PurePosixPath

from sqlalchemy.exc import SQLAlchemyError

from reelmill.catalogue.engine import brief_session
from reelmill.catalogue.videos.naming import resolve_video
from reelmill.errors import ReelmillError


def file_name(video: str) -> str | None:
    """The name of a video's file.

    Args:
        video: what the video is called: as jobs take it.

    Returns:
        The name without its folder; None where there is no such video, or the catalogue does not answer at once.
    """
    try:
        with brief_session() as opened:
            return PurePosixPath(resolve_video(opened, video).path).name
    except (ReelmillError, SQLAlchemyError):  # the database is away, has no tables yet, or knows no such video
        return None
