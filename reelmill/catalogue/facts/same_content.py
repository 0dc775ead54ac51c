"""Files that hold the same, by their content ids: exact copies, found without looking at a frame."""

from __future__ import annotations

import uuid
from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from sqlalchemy import ColumnElement
from sqlmodel import Session, and_, col, func, select

from reelmill.catalogue.models import Video, VideoTag


@dataclass(frozen=True)
class ContentSets:
    """Some of the contents that several files hold."""

    total: int  # such contents there are
    sets: tuple[tuple[Video, ...], ...]  # the files of each, the one known longest first


def exact_copies(session: Session, *, first: int, count: int, files: int) -> ContentSets:
    """Read which files hold the same, those that take the most room beside one of each first.

    Args:
        session: of the catalogue.
        first: of the sets, from 0.
        count: the most sets.
        files: the most files of each.

    Returns:
        The sets; what our own jobs made, and what is missing, is in none.
    """
    content, size = col(Video.content_id), func.max(col(Video.size))
    shared = select(content, func.count().over()).where(_counts()).group_by(content).having(func.count() > 1)
    order = (size * (func.count() - 1)).desc(), content
    found = list(session.exec(shared.order_by(*order).offset(first).limit(count)))
    if not found:
        return ContentSets(0 if first == 0 else _total(session), ())
    contents = [content_id for content_id, _ in found]
    place = func.row_number().over(partition_by=content, order_by=(col(Video.created_at), col(Video.path)))
    placed = select(Video.id, place.label("place")).where(_counts(), content.in_(contents)).subquery()
    wanted = select(Video).join(placed, and_(placed.c.id == Video.id, placed.c.place <= files)).order_by(placed.c.place)
    members: dict[str | None, list[Video]] = defaultdict(list)
    for video in session.exec(wanted):
        members[video.content_id].append(video)
    return ContentSets(found[0][1], tuple(tuple(members[each]) for each in contents if len(members[each]) > 1))


def videos_of(session: Session, ids: Collection[uuid.UUID]) -> dict[uuid.UUID, Video]:
    """The records of some videos by their ids; those that are gone are left out. Not of more than a few thousand."""
    return {video.id: video for video in session.exec(select(Video).where(col(Video.id).in_(ids)))}


def tag_names(session: Session, ids: Sequence[uuid.UUID]) -> dict[uuid.UUID, tuple[str, ...]]:
    """The tags that fit each of some videos, the surest first; not of more than a few thousand."""
    fitting = select(VideoTag.video_id, VideoTag.name).where(
        col(VideoTag.video_id).in_(ids), col(VideoTag.confidence) > 0
    )
    found: dict[uuid.UUID, list[str]] = defaultdict(list)
    for video_id, name in session.exec(fitting.order_by(col(VideoTag.confidence).desc(), col(VideoTag.name))):
        found[video_id].append(name)
    return {video_id: tuple(names) for video_id, names in found.items()}


def _total(session: Session) -> int:
    content = col(Video.content_id)
    shared = select(content).where(_counts()).group_by(content).having(func.count() > 1).subquery()
    return session.exec(select(func.count()).select_from(shared)).one()


def _counts() -> ColumnElement[bool]:
    """Of what is compared: files that are there, and that no job of ours made."""
    return and_(col(Video.content_id).is_not(None), col(Video.missing_since).is_(None), ~col(Video.is_product))
