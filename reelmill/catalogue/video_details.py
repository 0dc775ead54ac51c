"""Everything the catalogue holds of one video: its record, what was made of it, its tags and analyses."""

from __future__ import annotations

from dataclasses import dataclass

from sqlmodel import Session, col, select

from reelmill.catalogue.models import Analysis, PerceptualHashes, Video, VideoTag


@dataclass(frozen=True)
class VideoDetails:
    """One video, with what belongs to it."""

    video: Video
    source: Video | None  # what a job made it of
    products: tuple[Video, ...]  # copies and other files that jobs made of it, by path
    tags: tuple[VideoTag, ...]  # by name
    analyses: tuple[str, ...]  # kinds of what was found in it and kept


def read_details(session: Session, video: Video) -> VideoDetails:
    """Read what belongs to a video.

    Args:
        session: of the catalogue.
        video: its record.

    Returns:
        The video with all of it.
    """
    products = select(Video).where(Video.source_video_id == video.id).order_by(col(Video.path))
    tags = select(VideoTag).where(VideoTag.video_id == video.id).order_by(col(VideoTag.name))
    kinds = select(Analysis.kind).where(Analysis.video_id == video.id).order_by(col(Analysis.kind))
    hashed = session.get(PerceptualHashes, video.id) is not None
    return VideoDetails(
        video=video,
        source=None if video.source_video_id is None else session.get(Video, video.source_video_id),
        products=tuple(session.exec(products)),
        tags=tuple(session.exec(tags)),
        analyses=(*session.exec(kinds), *(("perceptual hashes",) if hashed else ())),
    )
