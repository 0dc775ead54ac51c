"""Two records that turned out to be of one file become one."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from typing import Any

import sqlalchemy
from sqlmodel import Session

from reelmill.catalogue.facts import product_sources
from reelmill.catalogue.models import OF_BYTES, SCHEMA, Video
from reelmill.catalogue.product_tables import TOGETHER

#: What a job adds to a record, and a scan of the same file has not.
_ADDED = ("thumbnail_path", "source_video_id", "made_by", "details", "reencode_job_id", *OF_BYTES)


def absorb(session: Session, kept: Video, other: Video) -> None:
    """Merge two records that turned out to be of one file: ``kept`` gets what points at ``other``, which is deleted."""
    added = {name: getattr(other, name) for name in _ADDED if getattr(kept, name) is None}
    if kept.source_video_id == other.id:
        kept.source_video_id = None
        session.flush()
    product_sources.unlink(session, {kept.id, other.id})
    for name, owner in TOGETHER.items():
        _drop_set(session, Video.metadata.tables[f"{SCHEMA}.{name}"].c[owner], kept.id, other.id)
    for table in Video.metadata.tables.values():
        for column in table.columns:
            if any(key.target_fullname == f"{SCHEMA}.video.id" for key in column.foreign_keys):
                _drop_twins(session, column, kept.id, other.id)
                moved = sqlalchemy.update(table).where(column == other.id).values({column: kept.id})
                session.connection().execute(moved)
    kept.is_product = kept.is_product or other.is_product
    session.delete(other)
    session.flush()  # paths and recipes are unique: theirs must go before ours come
    for name, value in added.items():
        setattr(kept, name, None if value == kept.id else value)


def give_id(session: Session, video: Video, video_id: uuid.UUID) -> Video:
    """Give a record another id, which no record has: what a file of ours is named by, that was there before.

    Args:
        session: of the catalogue.
        video: the record; what points at it points at the other id then.
        video_id: the id.

    Returns:
        The record of that id.
    """
    values = {name: getattr(video, name) for name in Video.model_fields}
    return replace(session, {**values, "id": video_id, "recipe": None}, video)


def replace(session: Session, values: Mapping[str, Any], other: Video) -> Video:
    """Put a record in the place of another of the same path, which it absorbs.

    Args:
        session: of the catalogue.
        values: of the record, by column.
        other: the record that goes.

    Returns:
        The record.
    """
    table, path = Video.metadata.tables[f"{SCHEMA}.video"], values["path"]
    session.connection().execute(sqlalchemy.insert(table).values({**values, "path": f"{path} ({values['id']})"}))
    kept = session.get_one(Video, values["id"])
    absorb(session, kept, other)
    kept.path = path
    session.add(kept)
    return kept


def _drop_set(session: Session, column: sqlalchemy.Column[Any], kept: uuid.UUID, other: uuid.UUID) -> None:
    """Of rows that belong together, such as all scenes of a video, leave those of ``kept``, where it has any."""
    has = sqlalchemy.exists().where(column.table.alias().c[column.name] == kept)
    session.connection().execute(sqlalchemy.delete(column.table).where(column == other, has))


def _drop_twins(session: Session, column: sqlalchemy.Column[Any], kept: uuid.UUID, other: uuid.UUID) -> None:
    """Of rows that both videos have under the same key, leave one: that of a person, else that of ``kept``."""
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
