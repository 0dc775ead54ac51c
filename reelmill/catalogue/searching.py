"""Videos looked up in the catalogue: by path, recipe, title or kind. Each function takes a session."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from typing import NamedTuple

import sqlalchemy
from sqlmodel import Session, col, func, select

from reelmill.catalogue.models import Video
from reelmill.catalogue.naming import resolve_video
from reelmill.errors import FileMissing, InputError
from reelmill.storage.media_root import OUTPUT_TYPES, MediaRoot
from reelmill.troubles import Flaw


class Entry(NamedTuple):
    """What a check of the whole library needs to know of a record; there may be millions, so nothing more."""

    id: uuid.UUID
    path: str
    size: int
    mtime_ns: int
    valid: bool
    missing: bool
    made: bool  # by a job
    thumbnail_path: str | None
    blake2: str | None


def get_video(session: Session, video_id: uuid.UUID) -> Video:
    """The video of this id; what people call one is resolved by ``naming.resolve_video``.

    Returns:
        Its record.

    Raises:
        UnknownVideo: there is none.
    """
    return resolve_video(session, video_id)


def usable_video(session: Session, name: str | uuid.UUID, root: MediaRoot | None = None) -> Video:
    """The video of this name, for a job that is going to read it.

    Args:
        session: of the catalogue.
        name: see ``naming.resolve_video``.
        root: see there.

    Returns:
        Its record, valid and not missing.

    Raises:
        UnknownVideo: there is none.
        AmbiguousVideo: there are several.
        FileMissing: the last scan did not find its file.
        InputError: it is known to be invalid.
    """
    video = resolve_video(session, name, root)
    if video.missing_since is not None:
        reason = f"{video.path} was gone at the last scan; put it back and scan again."
        raise FileMissing(reason, video.path, Flaw.ABSENT)
    if not video.is_valid:
        raise InputError(f"{video.path} is not a valid video: {video.validation_error}", video.path, Flaw.INVALID)
    return video


def count_videos(session: Session) -> int:
    """How many records there are, of missing files too."""
    return session.exec(select(func.count()).select_from(Video)).one()


def entries(session: Session) -> list[Entry]:
    """Every record, by path."""
    video = sqlalchemy.inspect(Video).local_table.c
    wanted = sqlalchemy.select(
        video.id, video.path, video.size, video.mtime_ns, video.is_valid,
        video.missing_since.is_not(None), video.recipe.is_not(None), video.thumbnail_path,
        video.blake2,
    )  # fmt: skip
    return [Entry(*row) for row in session.connection().execute(wanted.order_by(video.path)).all()]


def ids_of_content(session: Session, content_id: str) -> list[uuid.UUID]:
    """The ids of the videos of this content, the one known longest first; a hundred at most."""
    same = select(Video.id).where(Video.content_id == content_id)
    return list(session.exec(same.order_by(col(Video.created_at), col(Video.id)).limit(100)))


def by_recipes(session: Session, recipes: Sequence[str]) -> list[Video]:
    """What was made by any of these recipes, in their order."""
    found = session.exec(select(Video).where(col(Video.recipe).in_(recipes)))
    return sorted(found, key=lambda video: recipes.index(video.recipe or ""))


def by_recipe(session: Session, recipe: str) -> Video | None:
    """What was made by this recipe, if anything was."""
    return session.exec(select(Video).where(Video.recipe == recipe)).first()


def by_path(session: Session, path: str) -> Video | None:
    """The record of this path."""
    return session.exec(select(Video).where(Video.path == path)).first()


def search(session: Session, words: str, *, limit: int = 50) -> list[Video]:
    """Videos whose title holds every one of ``words``, in any case, by title."""
    statement = select(Video).order_by(col(Video.title)).limit(limit)
    for word in words.split():
        escaped = word.replace("\\", r"\\").replace("%", r"\%").replace("_", r"\_")
        statement = statement.where(col(Video.title).ilike(f"%{escaped}%"))
    return list(session.exec(statement))


def valid_videos(session: Session, directory_type: str | None = None) -> list[Video]:
    """Every valid video that is there, of one directory type or of all, by path."""
    statement = select(Video).where(col(Video.is_valid), col(Video.missing_since).is_(None)).order_by(col(Video.path))
    if directory_type is not None:
        statement = statement.where(Video.directory_type == directory_type)
    return list(session.exec(statement))


def originals(session: Session) -> list[Video]:
    """Every video that is not of our own making, missing and invalid ones too, by path."""
    statement = select(Video).where(col(Video.directory_type).not_in(OUTPUT_TYPES))
    return list(session.exec(statement.order_by(col(Video.path))))
