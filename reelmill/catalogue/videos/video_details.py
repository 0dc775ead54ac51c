"""Everything the catalogue holds of one video: its record, what was made of it, its tags and analyses."""

from __future__ import annotations

from dataclasses import dataclass

from sqlmodel import Session, col, select

from reelmill.catalogue.facts import assets, product_sources
from reelmill.catalogue.models import Analysis, Asset, PerceptualHashes, ProductSource, Video, VideoTag


@dataclass(frozen=True)
class VideoDetails:
    """One video, with what belongs to it."""

    video: Video
    sources: tuple[tuple[ProductSource, Video | None], ...]  # what a job made it of, in its order, by record
    products: tuple[Video, ...]  # copies, films and other files that jobs made of it, by path
    tags: tuple[VideoTag, ...]  # by name
    same: tuple[Video, ...]  # copies and hard links: other files that hold the same, by path; a hundred at most
    assets: tuple[Asset, ...]  # thumbnails, storyboards, GIFs and images of its scenes, by path
    analyses: tuple[str, ...]  # kinds of what was found in it and kept

    @property
    def source(self) -> Video | None:
        """The one video that it was made of; None where there are several, or none."""
        found = {row.source_id: video for row, video in self.sources}
        return next(iter(found.values())) if len(found) == 1 else None


def read_details(session: Session, video: Video) -> VideoDetails:
    """Read what belongs to a video.

    Args:
        session: of the catalogue.
        video: its record.

    Returns:
        The video with all of it.
    """
    alike = select(Video).where(col(Video.content_id).is_not(None), Video.content_id == video.content_id)
    same = tuple(session.exec(alike.where(Video.id != video.id).order_by(col(Video.path)).limit(100)))
    alike_ids = [video.id, *(other.id for other in same)]  # what was made of one of them is shared by all
    tags = select(VideoTag).where(VideoTag.video_id == video.id).order_by(col(VideoTag.name))
    kinds = select(Analysis.kind).where(col(Analysis.video_id).in_(alike_ids)).order_by(col(Analysis.kind)).distinct()
    hashes = select(PerceptualHashes.video_id).where(col(PerceptualHashes.video_id).in_(alike_ids)).limit(1)
    hashed = session.exec(hashes).first() is not None
    return VideoDetails(
        video=video,
        sources=tuple(product_sources.sources_of(session, video.id)),
        same=same,
        products=tuple(product_sources.products_of(session, alike_ids)),
        tags=tuple(session.exec(tags)),
        assets=tuple(assets.assets_of(session, video.id)),
        analyses=(*session.exec(kinds), *(("perceptual hashes",) if hashed else ())),
    )
