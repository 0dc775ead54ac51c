"""What a scan reads and writes: the files the catalogue knows, and their records. Each function takes a session."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from functools import partial
from pathlib import PurePosixPath
from typing import Any, Final, NamedTuple

import psycopg
import sqlalchemy
from sqlalchemy.dialects.postgresql import ARRAY, insert
from sqlmodel import Session

from reelmill.catalogue.engine import session
from reelmill.catalogue.facts.verdicts import DEPTHS, OPENED
from reelmill.catalogue.models import OF_BYTES, Video, utc_now
from reelmill.parallel import begin
from reelmill.storage.media_root import MediaRoot

#: Records that are read at once.
PAGE: Final = 5000

#: What follows the slash: all paths in a folder lie between the folder with the one and with the other.
_AFTER: Final = "0"

#: So many records of one content are looked through: a thousand copies of one file are a test, or a mistake.
_ALIKE: Final = 100


class KnownFile(NamedTuple):
    """What a scan needs to know of a file it may have seen before; there may be millions, so nothing more."""

    path: str  # relative to the media root
    size: int
    mtime_ns: int
    ctime_ns: int | None = None  # None: not known
    missing: bool = False


class RecordedFile(NamedTuple):
    """A file as its record has it, for a scan that shows what it did."""

    path: str
    id: uuid.UUID
    title: str
    size: int
    mtime_ns: int
    valid: bool
    missing: bool
    content_id: str | None = None


class SeenFile(NamedTuple):
    """A file as a scan has just looked at it."""

    path: str
    size: int
    mtime_ns: int
    ctime_ns: int | None
    content_id: str | None  # None: it is nothing that can be read


def known_files(session: Session, directory_type: str, *, after: str = "", limit: int = PAGE) -> list[KnownFile]:
    """One page of the files that the catalogue holds of a directory type, by the bytes of their paths.

    Args:
        session: of the catalogue.
        directory_type: which.
        after: the path of the last file of the page before.
        limit: the most files on it.

    Returns:
        The files; fewer than ``limit`` on the last page.
    """
    video, folder = _columns(), MediaRoot.relative_folder(directory_type)
    missing = video.missing_since.is_not(None)
    wanted = sqlalchemy.select(video.path, video.size, video.mtime_ns, video.ctime_ns, missing)
    within = video.path > (after or f"{folder}/"), video.path < f"{folder}{_AFTER}"
    page = wanted.where(video.directory_type == directory_type, *within).order_by(video.path).limit(limit)
    # Tuples as the driver reads them: the ORM would take five times as long, SQLAlchemy's rows a third more.
    cursor = session.connection().execute(page).cursor
    assert isinstance(cursor, psycopg.Cursor)
    cursor.row_factory = _known_file
    return cursor.fetchall()


def _known_file(_: psycopg.Cursor[Any]) -> Callable[[Sequence[Any]], KnownFile]:
    return partial(tuple.__new__, KnownFile)  # in C, which ``_make`` is not


def every_known_file(directory_type: str) -> Iterator[KnownFile]:
    """Every file that the catalogue holds of a directory type, in the order in which ``folder_walk`` meets files.

    Each page is a transaction of its own, so that a walk of hours holds none open, and is read while the one before
    is used.

    Args:
        directory_type: which.

    Yields:
        The files.
    """

    def read(after: str) -> list[KnownFile]:
        with session() as opened:
            return known_files(opened, directory_type, after=after, limit=PAGE)

    # A page is read while the files of the one before are looked at: waiting for the database needs no GIL.
    with ThreadPoolExecutor(1) as ahead:
        page = read("")
        while len(page) == PAGE:
            following = begin(ahead, read, page[-1].path)
            yield from page
            page = following.result()
        yield from page


#: Facts of a file that a new scan overwrites; the title stays, people may have edited it.
_REFRESHED = (
    "directory_type", "size", "mtime_ns", "ctime_ns", "content_id", "container", "video_codec", "audio_codec", "width",
    "height", "rotation", "orientation", "frame_rate", "duration", "bit_rate", "audio_tracks", "subtitle_tracks",
    "missing_since", "updated_at",
)  # fmt: skip

#: What a check has found. That of a deeper one stands, see ``verdicts.outweighs``.
_VERDICT: Final = ("is_valid", "validation_error", "checked_depth", "checked_at")


def upsert_videos(session: Session, videos: Sequence[Video]) -> None:
    """Insert records, or refresh the facts of those whose path is known."""
    if not videos:
        return
    # Not model_dump(), which turns exact rates into text before the column type sees them.
    rows: list[dict[str, Any]] = [{name: getattr(video, name) for name in Video.model_fields} for video in videos]
    for row in rows:
        row["is_product"] |= row["recipe"] is not None or row["made_by"] is not None
    # One statement of a row, run for each in a pipeline: one of 200 rows takes longer to write than to carry out.
    statement = insert(Video)
    refreshed: dict[str, Any] = {name: statement.excluded[name] for name in _REFRESHED}
    # What a job made and somebody replaced is not what its recipe makes any more.
    video, given = _columns(), statement.excluded
    same = sqlalchemy.func.coalesce(
        video.content_id == given["content_id"],
        sqlalchemy.and_(video.size == given["size"], video.mtime_ns == given["mtime_ns"]),
    )
    # Not by IN, which a statement that is run for many rows cannot have.
    deep = sqlalchemy.or_(*(video.checked_depth == depth for depth in DEPTHS[DEPTHS.index(OPENED) + 1 :]))
    deeper = sqlalchemy.and_(same, given["is_valid"], deep)
    for name in _VERDICT:
        refreshed[name] = sqlalchemy.case((deeper, video[name]), else_=given[name])
    for name in OF_BYTES:
        refreshed[name] = sqlalchemy.case((same, video[name]), else_=None)
    session.connection().execute(statement.on_conflict_do_update(index_elements=["path"], set_=refreshed), rows)


def recorded_files(session: Session, paths: Collection[str]) -> dict[str, RecordedFile]:
    """Those of these files that have a record, by path."""
    if not paths:
        return {}
    rows = session.connection().execute(sqlalchemy.select(*_recorded()).where(_named(paths))).all()
    return {file.path: file for file in (RecordedFile(*row) for row in rows)}


def records_of_content(session: Session, files: Collection[SeenFile]) -> list[RecordedFile]:
    """The records of files that hold the same as one of these, those of before content ids by their sizes and times.

    Args:
        session: of the catalogue.
        files: those that were looked at.

    Returns:
        The records, by path; of each content the first hundred that the index has.
    """
    video = _columns()
    given = sqlalchemy.func.unnest(_texts({file.content_id for file in files if file.content_id is not None}))
    contents = given.table_valued("content_id").render_derived()
    of_each = sqlalchemy.select(*_recorded()).where(video.content_id == contents.c.content_id).limit(_ALIKE).lateral()
    known = sqlalchemy.select(of_each).select_from(contents.join(of_each, sqlalchemy.true()))
    found = list(session.connection().execute(known))
    dates = sqlalchemy.tuple_(video.size, video.mtime_ns).in_([(file.size, file.mtime_ns) for file in files])
    unread = sqlalchemy.select(*_recorded()).where(video.content_id.is_(None), dates)
    found += session.connection().execute(unread) if files else []
    return sorted(RecordedFile(*row) for row in found)


def move_record(
    session: Session, record: RecordedFile, file: SeenFile, directory_type: str, *, at: str | None = None
) -> bool:
    """Have a record name the place that its file has now.

    Args:
        session: of the catalogue.
        record: as it was.
        file: the same file where it is now.
        directory_type: of that place.
        at: the path that the record has for the moment; None: its own.

    Returns:
        Whether it did; not where a job has moved the record meanwhile.
    """
    was, name = PurePosixPath(record.path), PurePosixPath(file.path)
    title = name.stem if record.title == was.stem else record.title  # a title of its own, or a person's, stays
    moved = sqlalchemy.update(Video).where(_columns().id == record.id, _columns().path == (at or record.path))
    values = {"filename": name.name, "directory_type": directory_type, "title": title}
    return session.connection().execute(moved.values(**values, **_as_seen(file))).rowcount == 1


def exchange_records(
    session: Session, moves: Sequence[tuple[RecordedFile, SeenFile]], directory_type: Callable[[str], str]
) -> bool:
    """Have records name the places that their files have now, which are one another's.

    Args:
        session: of the catalogue.
        moves: the records as they were, each with its file; nobody else is at their new places.
        directory_type: of a path.

    Returns:
        Whether it did; nothing is changed where a job has moved one of them meanwhile.
    """
    video = _columns()
    ids = [record.id for record, _ in moves]
    held = sqlalchemy.select(video.id, video.path).where(video.id.in_(ids)).with_for_update()
    if dict(session.connection().execute(held).tuples().all()) != {record.id: record.path for record, _ in moves}:
        return False
    # Paths are unique: all leave their places before the first takes its new one.
    aside = video.path.concat(" (").concat(sqlalchemy.cast(video.id, sqlalchemy.String)).concat(")")
    session.connection().execute(sqlalchemy.update(Video).where(video.id.in_(ids)).values(path=aside))
    for record, file in moves:
        move_record(session, record, file, directory_type(file.path), at=f"{record.path} ({record.id})")
    return True


def refresh_files(session: Session, files: Collection[SeenFile]) -> None:
    """Record when files were written of which it was read that they hold what they held; they are there."""
    for file in files:
        refreshed = sqlalchemy.update(Video).where(_columns().path == file.path)
        session.connection().execute(refreshed.values(**_as_seen(file)))


def _as_seen(file: SeenFile) -> dict[str, Any]:
    return {**file._asdict(), "missing_since": None, "updated_at": utc_now()}


def record_ctimes(session: Session, ctimes: Mapping[str, int]) -> None:
    """Record the times of the last change of files that are as recorded, by path, where those are not known yet."""
    given = sqlalchemy.func.unnest(_texts(ctimes), sqlalchemy.cast([*ctimes.values()], ARRAY(sqlalchemy.BigInteger)))
    seen = given.table_valued("path", "ctime_ns").render_derived()
    video = _columns()
    noted = sqlalchemy.update(Video).values(ctime_ns=seen.c.ctime_ns)
    session.connection().execute(noted.where(video.path == seen.c.path, video.ctime_ns.is_(None)))


def record_content_id(session: Session, seen: SeenFile) -> None:
    """Record what a file holds whose record does not name it yet, and is of the file as it is."""
    video = _columns()
    as_recorded = video.path == seen.path, video.size == seen.size, video.mtime_ns == seen.mtime_ns
    read = sqlalchemy.update(Video).where(*as_recorded, video.content_id.is_(None))
    session.connection().execute(read.values(content_id=seen.content_id, ctime_ns=seen.ctime_ns))


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
    return video.path, video.id, video.title, video.size, video.mtime_ns, video.is_valid, missing, video.content_id


def _named(paths: Collection[str]) -> sqlalchemy.ColumnElement[bool]:
    # One array rather than a parameter each: a folder that was not mounted may hold more than the 65,535 allowed.
    named: sqlalchemy.ColumnElement[bool] = _columns().path == sqlalchemy.any_(_texts(paths))
    return named


def _texts(texts: Collection[str]) -> sqlalchemy.Cast[Any]:
    return sqlalchemy.cast(list(texts), ARRAY(sqlalchemy.String))
