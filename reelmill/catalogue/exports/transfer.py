"""The catalogue as lines of JSON and back: what a person would miss of the videos, if the database were lost.

The first line is a header; each of the others is a row of a table. Videos come first, then what is known of them: tags,
analyses, perceptual hashes, and whatever table of a later version points at videos. Rules and settings, which Prefect's
server has, may follow (``dispatch.site_transfer``). Logins, tokens and the site's identity are left out, since they are
no part of a library.
"""

from __future__ import annotations

import base64
import uuid
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from fractions import Fraction
from itertools import groupby, islice, takewhile
from typing import Any, Final

import sqlalchemy
from sqlalchemy.dialects.postgresql import ARRAY, JSONB, insert
from sqlmodel import Session, col, select

from reelmill.catalogue.exports.fact_rows import FactLoader, ImportReport
from reelmill.catalogue.facts.verdicts import DEPTHS, OPENED, Depth, outweighs
from reelmill.catalogue.models import OF_BYTES, SCHEMA, Rational, Video, utc_now
from reelmill.catalogue.videos import merging, searching
from reelmill.errors import UserError

#: Of the format; it is raised when an older version would misread a line, or a newer one lack something.
VERSION: Final = 3
#: The first that a release wrote. Those before it do not say what is a product, nor what it is made of.
_OLDEST: Final = 3
_KIND: Final = "reelmill catalogue"
#: Lines that come last and are no rows of the catalogue: what the site has on its Prefect server.
OF_SITE: Final = ("rule", "settings")
_PAGE: Final = 1000  # rows read at a time
_AT_ONCE: Final = 200  # of those that belong to videos: an analysis may be 100 kB
_VIDEO: Final = "video"


def rows(session: Session) -> Iterator[dict[str, Any]]:
    """Every line of an export, the header first; read as they are taken, so that a million videos need no memory."""
    yield {"kind": _KIND, "version": VERSION, "exported_at": utc_now().isoformat()}
    connection = session.connection()
    for table in _tables():
        ordered = sqlalchemy.select(table).order_by(*table.primary_key.columns).execution_options(yield_per=_PAGE)
        with connection.execute(ordered) as found:
            for row in found.mappings():
                yield {"table": table.name, "row": {name: _plain(value) for name, value in row.items()}}


def load(session: Session, lines: Iterable[Mapping[str, Any]]) -> ImportReport:
    """Merge an export into the catalogue; what stands there is never changed for the worse, and once more adds nothing.

    A video that the catalogue knows by its id stays as it is. One that it knows by its path alone, since a scan has
    recorded it anew, has its earlier id again where that is the older one: what was made of it is found by that.

    Args:
        session: of the catalogue; all of it is one transaction.
        lines: as ``rows`` yields them.

    Returns:
        What was done.

    Raises:
        UserError: they are no export, or one of a newer version, or of one before the first release of exports.
    """
    given = iter(lines)
    _check(next(given, {}))
    report, ids, sources = ImportReport(), dict[uuid.UUID, uuid.UUID](), list[tuple[uuid.UUID, uuid.UUID]]()
    tables = {table.name: table for table in _tables()}
    facts = FactLoader(session, ids, report)
    lines_left = _after_unknown(session, given, report, sources)
    while page := list(islice(lines_left, _AT_ONCE)):
        for name, alike in groupby(page, key=lambda line: str(line.get("table"))):
            table, written = tables.get(name), [line.get("row") for line in alike]
            typed = [] if table is None else [_row(table, row) for row in written if isinstance(row, Mapping)]
            report.left += 0 if name in OF_SITE else len(written) - len(typed)
            if name == _VIDEO:
                sources += _load_videos(session, typed, ids, report)
            elif table is not None:
                facts.load(table, typed)
    _link(session, sources, ids)
    return report


def lacking(session: Session, lines: Iterable[Mapping[str, Any]]) -> int:
    """How many videos of an export the catalogue does not know, or only as a later scan has recorded them anew."""
    given, count = iter(lines), 0
    _check(next(given, {}))
    videos = takewhile(lambda line: line.get("table") == _VIDEO, given)
    while page := {uuid.UUID(line["row"]["id"]): line["row"] for line in islice(videos, _PAGE)}:
        known = set(session.exec(select(Video.id).where(col(Video.id).in_(page))))
        rest = {row["path"]: row["created_at"] for video_id, row in page.items() if video_id not in known}
        found = session.exec(select(Video.path, Video.created_at).where(col(Video.path).in_(rest))).all()
        count += len(rest) - sum(at <= datetime.fromisoformat(rest[path]) for path, at in found)
    return count


def _check(header: Mapping[str, Any]) -> None:
    version = header.get("version")
    if header.get("kind") != _KIND or not isinstance(version, int):
        raise UserError("This is no export of a catalogue: it does not begin with the header that every export has.")
    if version > VERSION:
        reason = f"This export is of format {version}, and this version of Reelmill reads {VERSION}; use a newer one."
        raise UserError(reason)
    if version < _OLDEST:
        raise UserError(
            f"This export is of format {version}, which no release wrote and this version of Reelmill does not read; "
            "import it with the version that wrote it, and export again after an upgrade."
        )


def _tables() -> list[sqlalchemy.Table]:
    """The videos, and every table whose rows belong to one."""
    target = f"{SCHEMA}.{_VIDEO}.id"
    return [
        table
        for table in Video.metadata.sorted_tables
        if table.name == _VIDEO
        or any(key.target_fullname == target for column in table.primary_key for key in column.foreign_keys)
    ]


def _row(table: sqlalchemy.Table, written: Mapping[str, Any]) -> dict[str, Any]:
    """A line's row as the database takes it, without what is empty or of a newer version."""
    named = [column for column in table.columns if written.get(column.name) is not None]
    return {column.name: _typed(column, written[column.name]) for column in named}


def _after_unknown(
    session: Session,
    lines: Iterator[Mapping[str, Any]],
    report: ImportReport,
    sources: list[tuple[uuid.UUID, uuid.UUID]],
) -> Iterator[Mapping[str, Any]]:
    """The lines but for videos that it knows by their ids, which stay as they are, and those of which it knows nothing.

    The latter are added, a page of them at once.

    Yields:
        All others, in their order.
    """
    while page := list(islice(lines, _PAGE)):
        videos = [line["row"] for line in page if line.get("table") == _VIDEO and isinstance(line.get("row"), Mapping)]
        rows = [_row(_table(_VIDEO), written) for written in videos]
        known = {str(one) for one in searching.known_ids(session, {row["id"] for row in rows})}
        added = _add_unknown(session, [row for row in rows if str(row["id"]) not in known])
        report.known += Counter({_VIDEO: sum(str(row["id"]) in known for row in rows)})
        report.added += Counter({_VIDEO: len(added)})
        sources += [(row["id"], source) for row, source in added.values() if source is not None]
        done = known | added.keys()
        yield from (line for line in page if line.get("table") != _VIDEO or str(_member(line, "id")) not in done)


def _member(line: Mapping[str, Any], name: str) -> object:
    row = line.get("row")
    return row.get(name) if isinstance(row, Mapping) else None


def _add_unknown(
    session: Session, rows: Sequence[dict[str, Any]]
) -> dict[str, tuple[dict[str, Any], uuid.UUID | None]]:
    """Add those whose id, path and recipe no record has, nor another of them.

    Returns:
        By their ids as text, what was added, and the source of each.
    """
    fresh = list(rows)
    for name in ("id", "path", "recipe"):
        given = Counter(row[name] for row in rows if row.get(name) is not None)
        column = _table(_VIDEO).c[name]
        among = column == sqlalchemy.any_(sqlalchemy.cast(list(given), ARRAY(column.type)))
        taken = set(session.connection().execute(sqlalchemy.select(column).where(among)).scalars()) if given else set()
        taken |= {value for value, count in given.items() if count > 1}
        fresh = [row for row in fresh if row.get(name) not in taken]
    added = {str(row["id"]): (row, row.pop("source_video_id", None)) for row in fresh}
    alike: dict[frozenset[str], list[dict[str, Any]]] = {}
    for row in fresh:  # what a row does not name has its default
        alike.setdefault(frozenset(row), []).append(row)
    for some in alike.values():
        session.connection().execute(insert(_table(_VIDEO)), some)
    return added


def _load_videos(
    session: Session, rows: Iterable[dict[str, Any]], ids: dict[uuid.UUID, uuid.UUID], report: ImportReport
) -> Iterator[tuple[uuid.UUID, uuid.UUID]]:
    """Add videos one by one; the source of each that was added and names one."""
    for row in rows:
        source = row.pop("source_video_id", None)
        if _load_video(session, row, ids, report) and source is not None:
            yield row["id"], source


def _load_video(session: Session, row: dict[str, Any], ids: dict[uuid.UUID, uuid.UUID], report: ImportReport) -> bool:
    """Add a video where it is not known; whether that was done."""
    if session.get(Video, row["id"]) is not None:
        report.known[_VIDEO] += 1
        session.expunge_all()
        return False
    other = searching.by_path(session, row["path"])
    if other is not None and other.created_at <= row["created_at"]:
        ids[row["id"]] = other.id
        report.known[_VIDEO] += 1
        session.expunge_all()
        return False
    if row.get("recipe") is not None and searching.by_recipe(session, row["recipe"]) is not None:
        row["recipe"] = None
    if other is None:
        session.connection().execute(insert(_table(_VIDEO)).values(row))
        report.added[_VIDEO] += 1
    else:
        _take_back(session, row, other)
        report.renamed += 1
    session.flush()
    session.expunge_all()
    return True


def _take_back(session: Session, row: dict[str, Any], other: Video) -> None:
    """Give the record that a scan has made anew its earlier id; what the export does not know is as the scan saw it."""
    held = row.get("content_id")
    if held is not None and other.content_id is not None:
        replaced = held != other.content_id
    else:
        replaced = (row["size"], row["mtime_ns"]) != (other.size, other.mtime_ns)
    facts = {name: getattr(other, name) for name in Video.model_fields if replaced and name not in _KEPT}
    later = dict.fromkeys(OF_BYTES) if replaced else {}
    if not replaced and not outweighs(row.get("checked_depth"), _depth(other), valid=other.is_valid):
        facts = {name: getattr(other, name) for name in _VERDICT}  # the later one: the disk may have rotted meanwhile
    seen = {name: getattr(other, name) for name in Video.model_fields if name not in {*_KEPT, *OF_BYTES}}
    merging.replace(session, {**seen, **row, **facts, **later, "missing_since": other.missing_since}, other)


def _depth(video: Video) -> Depth:
    return next((depth for depth in DEPTHS if depth == video.checked_depth), OPENED)


#: What a check has found.
_VERDICT: Final = ("is_valid", "validation_error", "checked_depth", "checked_at")

#: What is a person's, or a job's, and not the file's.
_KEPT: Final = frozenset(
    {"id", "title", "path", "source_video_id", "made_by", "details", "thumbnail_path", "reencode_job_id", "created_at"}
)


def _link(session: Session, sources: Iterable[tuple[uuid.UUID, uuid.UUID]], ids: Mapping[uuid.UUID, uuid.UUID]) -> None:
    """Let products name their sources, once all videos are there."""
    videos, left = _table(_VIDEO), iter(sources)
    named = sqlalchemy.update(videos).where(videos.c.id == sqlalchemy.bindparam("product"))
    while page := [(product, ids.get(source, source)) for product, source in islice(left, _PAGE)]:
        there = searching.known_ids(session, {one for pair in page for one in pair})
        links = [{"product": one, "source": other} for one, other in page if {one, other} <= there]
        if links:
            session.connection().execute(named.values(source_video_id=sqlalchemy.bindparam("source")), links)


def _table(name: str) -> sqlalchemy.Table:
    return Video.metadata.tables[f"{SCHEMA}.{name}"]


def _plain(value: Any) -> Any:
    """A value of the database as JSON has it."""
    match value:
        case bytes():
            return base64.b64encode(value).decode()
        case datetime():
            return value.isoformat()
        case uuid.UUID() | Fraction():
            return str(value)
        case _:
            return value


def _typed(column: sqlalchemy.Column[Any], value: Any) -> Any:
    """``_plain`` back."""
    kind = column.type
    if value is None or isinstance(kind, JSONB):
        return value
    if isinstance(kind, Rational):
        return Fraction(value)
    if isinstance(kind, sqlalchemy.DateTime):
        return datetime.fromisoformat(value)
    if isinstance(kind, sqlalchemy.Uuid):
        return uuid.UUID(value)
    if isinstance(kind, sqlalchemy.LargeBinary):
        return base64.b64decode(value)
    return value
