"""Of which videos each product is made, and what is made of each video. Each function takes a session."""

from __future__ import annotations

import uuid
from collections.abc import Collection, Iterable, Sequence
from typing import Self

import sqlalchemy
from pydantic import BaseModel, ConfigDict
from sqlmodel import Session, col, select

from reelmill.catalogue.models import ProductSource, Video


class SourceSegment(BaseModel):
    """What a product takes of one video; the row that it becomes has its units."""

    model_config = ConfigDict(frozen=True)

    source_id: uuid.UUID
    source_path: str  # relative to the media root
    source_start: float | None = None
    source_end: float | None = None
    starts_at: float | None = None
    ends_at: float | None = None
    cell: int | None = None

    @classmethod
    def whole(cls, video: Video) -> Self:
        """All of a video."""
        return cls(source_id=video.id, source_path=video.path)


def only_source(segments: Iterable[SourceSegment]) -> uuid.UUID | None:
    """The video that all segments are of; None where there are several, or none (pure)."""
    ids = {segment.source_id for segment in segments}
    return ids.pop() if len(ids) == 1 else None


def record(session: Session, product_id: uuid.UUID, segments: Sequence[SourceSegment]) -> None:
    """Record what a product is made of, in place of what was recorded of it.

    Args:
        session: of the catalogue; the product's record is in it.
        product_id: of that record.
        segments: in the order of the product; a source that is unknown by now leaves its path.
    """
    now = ids_now(session, segments)
    connection = session.connection()
    connection.execute(sqlalchemy.delete(ProductSource).where(col(ProductSource.product_id) == product_id))
    rows = [
        one.model_dump() | {"product_id": product_id, "number": number, "source_id": now.get(one.source_id)}
        for number, one in enumerate(segments)
    ]
    if rows:
        connection.execute(sqlalchemy.insert(ProductSource), rows)


def ids_now(session: Session, segments: Iterable[SourceSegment]) -> dict[uuid.UUID, uuid.UUID]:
    """The ids that sources have by now: an import may have given one its earlier id back while it was worked on.

    Args:
        session: of the catalogue.
        segments: of the sources.

    Returns:
        By the id of the segment; of one that is unknown by now, that of the record that has its path, if any has.
    """
    paths = {one.source_id: one.source_path for one in segments}
    known = {one: one for one in session.exec(select(Video.id).where(col(Video.id).in_(paths)))}
    left = {path: video_id for video_id, path in paths.items() if video_id not in known}
    if left:
        found = session.exec(select(Video.path, Video.id).where(col(Video.path).in_(left)))
        known.update((left[path], video_id) for path, video_id in found)
    return known


def sources_of(session: Session, product_id: uuid.UUID) -> list[tuple[ProductSource, Video | None]]:
    """What a product is made of, in its order: each row with the record of its source, None where there is none."""
    rows = select(ProductSource, Video).join(Video, col(ProductSource.source_id) == Video.id, isouter=True)
    wanted = rows.where(ProductSource.product_id == product_id).order_by(col(ProductSource.number))
    return list(session.exec(wanted))


def products_of(session: Session, video_ids: Collection[uuid.UUID]) -> list[Video]:
    """What is made of any of these videos, films of several among them, by path."""
    made = select(ProductSource.product_id).where(col(ProductSource.source_id).in_(video_ids))
    return list(session.exec(select(Video).where(col(Video.id).in_(made)).order_by(col(Video.path))))


def unlink(session: Session, video_ids: Collection[uuid.UUID]) -> None:
    """Let none of these videos be made of another of them: they turned out to be one."""
    product, source = col(ProductSource.product_id), col(ProductSource.source_id)
    of_each_other = sqlalchemy.delete(ProductSource).where(product.in_(video_ids), source.in_(video_ids))
    session.connection().execute(of_each_other)
