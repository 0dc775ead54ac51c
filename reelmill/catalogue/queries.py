"""What is asked of the catalogue: functions that take a session."""

from __future__ import annotations

import random
import uuid
from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any, Final, NamedTuple

import sqlalchemy
from sqlalchemy.dialects.postgresql import ARRAY, insert
from sqlmodel import Session, col, func, select, update

from reelmill.catalogue.models import SCHEMA, Analysis, Fingerprint, Video, utc_now
from reelmill.errors import FileMissing, InputError, TooFewVideos, UnknownVideo
from reelmill.layout import OUTPUT_TYPES


class Known(NamedTuple):
    """What a scan needs to know of a file it may have seen before; there may be millions, so nothing more."""

    size: int
    mtime_ns: int
    missing: bool


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


def parse_id(text: str | uuid.UUID) -> uuid.UUID:
    """A video id from its text.

    Raises:
        UnknownVideo: it is not a UUID.
    """
    if isinstance(text, uuid.UUID):
        return text
    try:
        return uuid.UUID(text.strip())
    except ValueError:
        raise UnknownVideo(
            f"{text!r} is not a video id: ids look like 0f8fad5b-d9cb-469f-a165-70867728950e; a scan lists them."
        ) from None


def get_video(session: Session, video_id: str | uuid.UUID) -> Video:
    """The video of this id.

    Raises:
        UnknownVideo: there is none.
    """
    video = session.get(Video, parse_id(video_id))
    if video is None:
        raise UnknownVideo(f"No video has the id {video_id}; scan the library, or look the id up in the catalogue.")
    return video


def usable_video(session: Session, video_id: str | uuid.UUID) -> Video:
    """The video of this id, for a job that is going to read it.

    Raises:
        UnknownVideo: there is none.
        FileMissing: the last scan did not find its file.
        InputError: it is known to be invalid.
    """
    video = get_video(session, video_id)
    if video.missing_since is not None:
        raise FileMissing(f"{video.path} was gone at the last scan; put it back and scan again.")
    if not video.is_valid:
        raise InputError(f"{video.path} is not a valid video: {video.validation_error}")
    return video


def count_videos(session: Session) -> int:
    """How many records there are, of missing files too."""
    return session.exec(select(func.count()).select_from(Video)).one()


def known_files(session: Session, directory_type: str) -> dict[str, Known]:
    """Every file the catalogue holds of a directory type, by path."""
    # Columns over a plain connection: the ORM would take five times as long.
    video = sqlalchemy.inspect(Video).local_table.c
    wanted = sqlalchemy.select(video.path, video.size, video.mtime_ns, video.missing_since.is_not(None))
    rows = session.connection().execute(wanted.where(video.directory_type == directory_type)).all()
    return {path: Known(size, mtime_ns, missing) for path, size, mtime_ns, missing in rows}


def entries(session: Session) -> list[Entry]:
    """Every record, by path."""
    video = sqlalchemy.inspect(Video).local_table.c
    wanted = sqlalchemy.select(
        video.id, video.path, video.size, video.mtime_ns, video.is_valid,
        video.missing_since.is_not(None), video.recipe.is_not(None), video.thumbnail_path,
    )  # fmt: skip
    return [Entry(*row) for row in session.connection().execute(wanted.order_by(video.path)).all()]


#: Facts of a file that a new scan overwrites; the title stays, people may have edited it.
_REFRESHED = (
    "directory_type", "size", "mtime_ns", "container", "video_codec", "audio_codec", "width", "height", "rotation",
    "orientation", "frame_rate", "duration", "bit_rate", "audio_tracks", "subtitle_tracks", "is_valid",
    "validation_error", "missing_since", "updated_at",
)  # fmt: skip


def upsert_videos(session: Session, videos: Sequence[Video]) -> None:
    """Insert records, or refresh the facts of those whose path is known."""
    if not videos:
        return
    # Not model_dump(), which turns exact rates into text before the column type sees them.
    rows: list[dict[str, Any]] = [{name: getattr(video, name) for name in Video.model_fields} for video in videos]
    # One statement of a row, run for each in a pipeline: one of 200 rows takes longer to write than to carry out.
    statement = insert(Video)
    refreshed: dict[str, Any] = {name: statement.excluded[name] for name in _REFRESHED}
    # What a job made and somebody replaced is not what its recipe makes any more.
    video, given = sqlalchemy.inspect(Video).local_table.c, statement.excluded
    same = sqlalchemy.and_(video.size == given["size"], video.mtime_ns == given["mtime_ns"])
    refreshed["recipe"] = sqlalchemy.case((same, video.recipe), else_=None)
    session.connection().execute(statement.on_conflict_do_update(index_elements=["path"], set_=refreshed), rows)


def mark_missing(session: Session, paths: Collection[str], at: datetime) -> None:
    """These files were not there at ``at``; their records stay."""
    _mark(session, paths, missing_since=at, updated_at=at)


def mark_found(session: Session, paths: Collection[str]) -> None:
    """These files are back, unchanged."""
    _mark(session, paths, missing_since=None, updated_at=utc_now())


def _mark(session: Session, paths: Collection[str], **values: datetime | None) -> None:
    if paths:
        # One array rather than a parameter each: a folder that was not mounted may hold more than the 65,535 allowed.
        named = sqlalchemy.any_(sqlalchemy.cast(list(paths), ARRAY(sqlalchemy.String)))
        session.execute(update(Video).where(col(Video.path) == named).values(**values))


def by_recipe(session: Session, recipe: str) -> Video | None:
    """What was made by this recipe, if anything was."""
    return session.exec(select(Video).where(Video.recipe == recipe)).first()


def by_path(session: Session, path: str) -> Video | None:
    """The record of this path."""
    return session.exec(select(Video).where(Video.path == path)).first()


#: What a job adds to a record, and a scan of the same file has not.
_ADDED = ("thumbnail_path", "source_video_id", "made_by", "recipe", "details", "reencode_job_id")


def absorb(session: Session, kept: Video, other: Video) -> None:
    """Two records turned out to be of one file: ``kept`` gets what points at ``other``, which goes."""
    added = {name: getattr(other, name) for name in _ADDED if getattr(kept, name) is None}
    if kept.source_video_id == other.id:
        kept.source_video_id = None
        session.flush()
    for table in Video.metadata.tables.values():
        for column in table.columns:
            if any(key.target_fullname == f"{SCHEMA}.video.id" for key in column.foreign_keys):
                _drop_twins(session, column, kept.id, other.id)
                moved = sqlalchemy.update(table).where(column == other.id).values({column: kept.id})
                session.connection().execute(moved)
    session.delete(other)
    session.flush()  # paths and recipes are unique: theirs must go before ours come
    for name, value in added.items():
        setattr(kept, name, None if value == kept.id else value)


def _drop_twins(session: Session, column: sqlalchemy.Column[Any], kept: uuid.UUID, other: uuid.UUID) -> None:
    """Of rows that both videos have under the same key, leave one: what a person said, else that of ``kept``."""
    table = column.table
    rest = [key for key in table.primary_key if key is not column]
    if not column.primary_key:
        return
    twin = table.alias()
    same = sqlalchemy.and_(sqlalchemy.true(), *(twin.c[key.name] == key for key in rest))

    def drop(of: uuid.UUID, because_of: uuid.UUID, *more: sqlalchemy.ColumnElement[bool]) -> None:
        found = sqlalchemy.exists().where(twin.c[column.name] == because_of, same, *more)
        session.connection().execute(sqlalchemy.delete(table).where(column == of, found))

    if "by_person" in table.c:
        drop(kept, other, twin.c.by_person, ~table.c.by_person)
    drop(other, kept)


def search(session: Session, words: str, *, limit: int = 50) -> list[Video]:
    """Videos whose title holds every one of ``words``, in any case, by title."""
    statement = select(Video).order_by(col(Video.title)).limit(limit)
    for word in words.split():
        escaped = word.replace("\\", r"\\").replace("%", r"\%").replace("_", r"\_")
        statement = statement.where(col(Video.title).ilike(f"%{escaped}%"))
    return list(session.exec(statement))


def keep_analysis(session: Session, found: Analysis) -> None:
    """Keep a result in the place of an earlier one; of two that come at once the later stands."""
    row = {name: getattr(found, name) for name in Analysis.model_fields}
    statement = insert(Analysis).values(row)
    session.connection().execute(
        statement.on_conflict_do_update(index_elements=["video_id", "kind"], set_=dict(statement.excluded))
    )


class Criteria(NamedTuple):
    """Which videos a pick may take."""

    min_duration: float = 0  # seconds
    max_duration: float | None = None
    orientation: str | None = None  # None: any

    def __str__(self) -> str:
        parts = [self.orientation] if self.orientation else []
        if self.max_duration is not None:
            parts.append(f"{self.min_duration:g} to {self.max_duration:g} s long")
        elif self.min_duration:
            parts.append(f"at least {self.min_duration:g} s long")
        return ", ".join(parts)


_ANY: Final = Criteria()


def pick_sources(session: Session, count: int, seed: int | str, criteria: Criteria = _ANY) -> list[Video]:
    """``count`` different valid videos, none of our own making, the same for the same seed and library.

    Raises:
        TooFewVideos: the library holds fewer that meet the criteria.
    """
    statement = (
        select(Video)
        .where(col(Video.is_valid), col(Video.missing_since).is_(None), col(Video.duration) > 0)
        .where(col(Video.directory_type).not_in(OUTPUT_TYPES))
        .order_by(col(Video.path))
    )
    usable = list(session.exec(statement))
    videos = [video for video in usable if _meets(video, criteria)]
    if len(videos) < count:
        kind = f" ({criteria})" if str(criteria) else ""
        way_out = "widen the criteria, or ask for fewer" if len(usable) >= count else "scan, or add some"
        among = f" among {len(usable)}" if kind else ""
        raise TooFewVideos(
            f"The job needs {count} valid videos{kind} and the library holds {len(videos)}{among}; {way_out}."
        )
    return random.Random(seed).sample(videos, count)


def _meets(video: Video, criteria: Criteria) -> bool:
    duration = video.duration or 0.0
    longest = duration if criteria.max_duration is None else criteria.max_duration
    oriented = criteria.orientation is None or video.orientation == criteria.orientation
    return oriented and criteria.min_duration <= duration <= longest


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


def fingerprints(session: Session, algorithm: str, directory_type: str | None = None) -> dict[uuid.UUID, Fingerprint]:
    """The fingerprints of an algorithm by their videos' ids, for one directory type or for all."""
    statement = select(Fingerprint).where(Fingerprint.algorithm == algorithm)
    if directory_type is not None:
        statement = statement.join(Video).where(Video.directory_type == directory_type)
    return {kept.video_id: kept for kept in session.exec(statement)}


def keep_fingerprint(session: Session, taken: Fingerprint) -> None:
    """Keep a fingerprint in place of the one its video may have."""
    row = {name: getattr(taken, name) for name in Fingerprint.model_fields}
    statement = insert(Fingerprint).values(row)
    session.execute(statement.on_conflict_do_update(index_elements=["video_id"], set_=row))
