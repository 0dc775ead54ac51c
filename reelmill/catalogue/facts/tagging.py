"""The tags of videos: functions that take a session. What a person has set stands, whatever jobs find."""

from __future__ import annotations

import uuid
from collections.abc import Sequence

from sqlalchemy.dialects.postgresql import insert
from sqlmodel import Session, col, delete, select

from reelmill.catalogue.models import Video, VideoTag
from reelmill.errors import WrongParameter

_NAME_MAX = 64


def tags_of(session: Session, video_id: uuid.UUID) -> list[VideoTag]:
    """The tags a video has, the surest first; those a person has refused are not among them."""
    wanted = select(VideoTag).where(VideoTag.video_id == video_id, col(VideoTag.confidence) > 0)
    return list(session.exec(wanted.order_by(col(VideoTag.confidence).desc(), col(VideoTag.name))))


def tagged(session: Session, name: str) -> list[Video]:
    """The videos that have a tag, by path."""
    wanted = select(Video).join(VideoTag).where(VideoTag.name == name, col(VideoTag.confidence) > 0)
    return list(session.exec(wanted.order_by(col(Video.path))))


def set_found(session: Session, video_id: uuid.UUID, found: Sequence[VideoTag]) -> None:
    """Put what a job found in the place of what jobs found before; the tags name the same video."""
    session.execute(delete(VideoTag).where(col(VideoTag.video_id) == video_id, col(VideoTag.by_person).is_(False)))
    for tag in found:
        row = {name: getattr(tag, name) for name in VideoTag.model_fields}
        session.connection().execute(insert(VideoTag).values(row).on_conflict_do_nothing())


def set_by_person(session: Session, video_id: uuid.UUID, name: str, fits: bool = True) -> None:
    """Store the judgement of a person: that a tag fits, or that it does not.

    Raises:
        WrongParameter: it is no name for a tag.
    """
    name = name.strip().lower()
    if not 0 < len(name) <= _NAME_MAX:
        raise WrongParameter(f"A tag has 1 to {_NAME_MAX} characters; {name[:80]!r} has {len(name)}.", "tag", name)
    session.merge(VideoTag(video_id=video_id, name=name, by_person=True, confidence=1.0 if fits else 0.0))
