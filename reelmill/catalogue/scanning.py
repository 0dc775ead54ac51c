"""What a scan reads and writes: the files the catalogue knows, and their records. Each function takes a session."""

from __future__ import annotations

import uuid
from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any, NamedTuple

import sqlalchemy
from sqlalchemy.dialects.postgresql import ARRAY, insert
from sqlmodel import Session

from reelmill.catalogue.models import Video, utc_now


class KnownFile(NamedTuple):
    """What a scan needs to know of a file it may have seen before; there may be millions, so nothing more."""

    size: int
    mtime_ns: int
    missing: bool


class RecordedFile(NamedTuple):
    """A file as its record has it, for a scan that shows what it did."""

    path: str
    id: uuid.UUID
    title: str
    size: int
    mtime_ns: int
    valid: bool
    missing: bool


def known_files(session: Session, directory_type: str) -> dict[str, KnownFile]:
    """Every file the catalogue holds of a directory type, by path."""
    # Columns over a plain connection: the ORM would take five times as long.
    video = _columns()
    wanted = sqlalchemy.select(video.path, video.size, video.mtime_ns, video.missing_since.is_not(None))
    rows = session.connection().execute(wanted.where(video.directory_type == directory_type)).all()
    return {path: KnownFile(size, mtime_ns, missing) for path, size, mtime_ns, missing in rows}


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
    video, given = _columns(), statement.excluded
    same = sqlalchemy.and_(video.size == given["size"], video.mtime_ns == given["mtime_ns"])
    refreshed["recipe"] = sqlalchemy.case((same, video.recipe), else_=None)
    refreshed["blake2"] = sqlalchemy.case((same, video.blake2), else_=None)
    session.connection().execute(statement.on_conflict_do_update(index_elements=["path"], set_=refreshed), rows)


def recorded_files(session: Session, paths: Collection[str]) -> dict[str, RecordedFile]:
    """Those of these files that have a record, by path."""
    if not paths:
        return {}
    rows = session.connection().execute(sqlalchemy.select(*_recorded()).where(_named(paths))).all()
    return {file.path: file for file in (RecordedFile(*row) for row in rows)}


def mark_missing(session: Session, paths: Collection[str], at: datetime) -> list[RecordedFile]:
    """Record that these files were not there at ``at``; their records stay.

    Returns:
        Those that were there until now, by path.
    """
    video = _columns()
    return _mark(session, paths, video.missing_since.is_(None), missing_since=at, updated_at=at)


def mark_found(session: Session, paths: Collection[str]) -> list[RecordedFile]:
    """Record that these files are back, unchanged.

    Returns:
        Those that were missing until now, by path.
    """
    video = _columns()
    return _mark(session, paths, video.missing_since.is_not(None), missing_since=None, updated_at=utc_now())


def _mark(
    session: Session, paths: Collection[str], until_now: sqlalchemy.ColumnElement[bool], **values: datetime | None
) -> list[RecordedFile]:
    if not paths:
        return []
    changed = sqlalchemy.update(Video).where(_named(paths), until_now).values(**values).returning(*_recorded())
    return sorted(RecordedFile(*row) for row in session.connection().execute(changed))


def _columns() -> Any:
    return sqlalchemy.inspect(Video).local_table.c


def _recorded() -> tuple[Any, ...]:
    video = _columns()
    missing = video.missing_since.is_not(None)
    return video.path, video.id, video.title, video.size, video.mtime_ns, video.is_valid, missing


def _named(paths: Collection[str]) -> sqlalchemy.ColumnElement[bool]:
    # One array rather than a parameter each: a folder that was not mounted may hold more than the 65,535 allowed.
    named: sqlalchemy.ColumnElement[bool] = _columns().path == sqlalchemy.any_(
        sqlalchemy.cast(list(paths), ARRAY(sqlalchemy.String))
    )
    return named
