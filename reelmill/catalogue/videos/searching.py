"""Videos looked up in the catalogue: by path, recipe, content or kind. Each function takes a session."""

from __future__ import annotations

import uuid
from collections.abc import Collection, Iterator, Sequence
from typing import Any, Final, NamedTuple

import sqlalchemy
from sqlalchemy.dialects.postgresql import ARRAY
from sqlmodel import Session, col, func, select

from reelmill.catalogue.engine import session as opened_session
from reelmill.catalogue.limits import clean
from reelmill.catalogue.models import Video
from reelmill.catalogue.videos.naming import resolve_video
from reelmill.errors import FileMissing, InputError
from reelmill.storage.media_root import MediaRoot
from reelmill.troubles import Flaw


class VideoFacts(NamedTuple):
    """What is needed of a video that is compared with all others; there may be many, so nothing more."""

    id: uuid.UUID
    path: str
    size: int  # bytes
    mtime_ns: int
    content_id: str | None
    width: int | None
    height: int | None
    duration: float | None  # seconds


#: Records that are read at once.
PAGE: Final = 2000


class Entry(NamedTuple):
    """What a check of the whole library needs to know of a record; there may be millions, so nothing more."""

    id: uuid.UUID
    path: str
    size: int
    mtime_ns: int
    valid: bool
    missing: bool
    made: bool  # by a job
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


def entries(session: Session, *, after: str = "", limit: int = PAGE) -> list[Entry]:
    """One page of records, by the bytes of their paths.

    Args:
        session: of the catalogue.
        after: the path of the last record of the page before.
        limit: the most records on it.

    Returns:
        The records; fewer than ``limit`` on the last page.
    """
    wanted = sqlalchemy.select(*_entry()).where(col(Video.path) > after).order_by(col(Video.path)).limit(limit)
    return [Entry(*row) for row in session.connection().execute(wanted)]


def entries_of(session: Session, paths: Collection[str]) -> list[Entry]:
    """The records of these paths, by their bytes; not more than a few thousand at once."""
    recordable = [path for path in paths if clean(path) == path]  # no record has a name that is not UTF-8
    named = col(Video.path) == sqlalchemy.any_(sqlalchemy.cast(recordable, ARRAY(sqlalchemy.String)))
    wanted = sqlalchemy.select(*_entry()).where(named).order_by(col(Video.path))
    return [Entry(*row) for row in session.connection().execute(wanted)]


def every_entry() -> Iterator[Entry]:
    """Every record, in the order in which ``folder_walk`` meets files; each page is a transaction of its own.

    Yields:
        The records.
    """
    after = ""
    while True:
        with opened_session() as opened:
            page = entries(opened, after=after)
        yield from page
        if len(page) < PAGE:
            return
        after = page[-1].path


def _entry() -> tuple[Any, ...]:
    video = sqlalchemy.inspect(Video).local_table.c
    return (
        video.id, video.path, video.size, video.mtime_ns, video.is_valid,
        video.missing_since.is_not(None), video.recipe.is_not(None), video.blake2,
    )  # fmt: skip


def known_ids(session: Session, ids: Collection[uuid.UUID]) -> set[uuid.UUID]:
    """Those of these ids that videos have; not more than a few thousand at once."""
    return set(session.exec(select(Video.id).where(col(Video.id).in_(ids)))) if ids else set()


def ids_of_content(session: Session, content_id: str) -> list[uuid.UUID]:
    """The ids of the videos of this content, the one known longest first; a hundred at most."""
    same = select(Video.id).where(Video.content_id == content_id)
    return list(session.exec(same.order_by(col(Video.created_at), col(Video.id)).limit(100)))


def paths_of(session: Session, video_ids: Collection[uuid.UUID]) -> dict[uuid.UUID, str]:
    """Where the files of those of these videos are that have a record, by ids; not of more than a few thousand."""
    return dict(session.exec(select(Video.id, Video.path).where(col(Video.id).in_(video_ids))).all())


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


def by_paths(session: Session, paths: Collection[str]) -> list[Video]:
    """The records of these paths, by path; not more than a few thousand at once."""
    return list(session.exec(select(Video).where(col(Video.path).in_(paths)).order_by(col(Video.path))))


def best_first(session: Session, directory_type: str | None) -> Iterator[tuple[uuid.UUID, int]]:
    """Every valid video that is there, large frames first, then large files: the best of each content comes first.

    Args:
        session: of the catalogue; it is read from while the videos are taken.
        directory_type: of these videos; None: of any that are not of our own making.

    Yields:
        The id, and at which place in this order the first video of the same content stands, perhaps this one.
    """
    video = sqlalchemy.inspect(Video).local_table.c
    meant = ~video.is_product if directory_type is None else video.directory_type == directory_type
    area = sqlalchemy.func.coalesce(sqlalchemy.cast(video.width, sqlalchemy.BigInteger) * video.height, 0)
    place = sqlalchemy.func.row_number().over(order_by=(area.desc(), video.size.desc(), video.path)) - 1
    placed = sqlalchemy.select(video.id, video.content_id, place.label("place"))
    placed_videos = placed.where(video.is_valid, video.missing_since.is_(None), meant).subquery()
    known = placed_videos.c
    first = sqlalchemy.func.min(known.place).over(partition_by=known.content_id)
    same = sqlalchemy.case((known.content_id.is_(None), known.place), else_=first)
    statement = sqlalchemy.select(known.id, same).order_by(known.place)
    connection = session.connection(execution_options={"yield_per": PAGE})
    yield from ((row[0], row[1]) for row in connection.execute(statement))


def facts_of(session: Session, ids: Collection[uuid.UUID]) -> dict[uuid.UUID, VideoFacts]:
    """The facts of the videos of these ids; not of more than a few thousand at once."""
    video = sqlalchemy.inspect(Video).local_table.c
    named = video.id == sqlalchemy.any_(sqlalchemy.cast(list(ids), ARRAY(sqlalchemy.Uuid)))
    wanted = sqlalchemy.select(*(video[name] for name in VideoFacts._fields)).where(named)
    return {row[0]: VideoFacts(*row) for row in session.connection().execute(wanted)}
