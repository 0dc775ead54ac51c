"""What jobs found out about videos: analyses and perceptual hashes. Each function takes a session."""

from __future__ import annotations

import uuid
from collections.abc import Collection, Mapping
from typing import Any, Final

import sqlalchemy
from sqlalchemy import ColumnElement
from sqlalchemy.dialects.postgresql import insert
from sqlmodel import Session, col, select

from reelmill.catalogue.models import Analysis, PerceptualHashes, Video

#: What the content id of a file ends with of which a mended copy was read.
MENDED: Final = "-mended"

#: Kind of the record of a video's cuts and fades, as ``analysis/scenes/transitions.py`` writes them.
TRANSITIONS: Final = "transitions"


def owners_now(session: Session, contents: Mapping[uuid.UUID, str | None]) -> dict[uuid.UUID, uuid.UUID]:
    """Whose facts are that were found under these ids: an import may have given a video its earlier id back meanwhile.

    Args:
        session: of the catalogue; none of the ids that are returned goes before its transaction ends.
        contents: by the ids that the videos had, what their files held, see ``SourceContent.file_id``; None where
            that was not read. Not more than a few thousand.

    Returns:
        By the same ids, those they have now: of exact copies the one known longest. One that is gone is left out where
        nothing holds what it held.
    """
    known = select(Video.id).where(col(Video.id).in_(contents)).with_for_update(read=True, key_share=True)
    now = {one: one for one in session.exec(known)}
    gone = {one: content.removesuffix(MENDED) for one, content in contents.items() if one not in now and content}
    if gone:
        same = select(Video.content_id, Video.id).where(col(Video.content_id).in_(gone.values()))
        oldest_last = same.order_by(col(Video.created_at).desc(), col(Video.id).desc())
        holders = dict(session.exec(oldest_last.with_for_update(read=True, key_share=True)).all())
        now |= {one: holders[content] for one, content in gone.items() if content in holders}
    return now


def store_analysis(session: Session, found: Analysis) -> None:
    """Store a result in place of an earlier one, see ``owners_now``; of two that come at once the later stands."""
    row = {name: getattr(found, name) for name in Analysis.model_fields}
    row["video_id"] = owners_now(session, {found.video_id: found.content_id}).get(found.video_id)
    if row["video_id"] is None:
        return
    statement = insert(Analysis).values(row)
    session.connection().execute(
        statement.on_conflict_do_update(index_elements=["video_id", "kind"], set_=dict(statement.excluded))
    )


def stored_analysis(session: Session, video: Video, kind: str) -> Analysis | None:
    """What was found in a video's file as the last scan saw it, by whichever version of the algorithm.

    Args:
        session: of the catalogue.
        video: its record.
        kind: of the analysis.

    Returns:
        The result, of this video or of another of the same content.
    """
    found = session.exec(
        select(Analysis).where(Analysis.kind == kind, of_content(Analysis, Video), Video.id == video.id)
    )
    return min(found, key=lambda one: one.video_id != video.id, default=None)


def analysis_of(
    session: Session, video_id: uuid.UUID, file_id: str, dates: tuple[int, int], kind: str, version: str
) -> Analysis | None:
    """What an algorithm has found in a file.

    Args:
        session: of the catalogue.
        video_id: of the record that is asked for.
        file_id: see ``SourceContent.file_id``.
        dates: size and modification time of the file, which stand for it where no content id was kept.
        kind: of the analysis.
        version: of the algorithm.

    Returns:
        The result, of this video or of another of the same content.
    """
    same = select(Analysis).where(Analysis.kind == kind, Analysis.version == version)
    found = session.exec(same.where(Analysis.content_id == file_id).limit(1)).first()
    if found is None:
        own = session.exec(same.where(Analysis.video_id == video_id, col(Analysis.content_id).is_(None))).first()
        found = own if own is not None and (own.size, own.mtime_ns) == dates else None
    if found is not None and found.content_id is None:
        found.content_id = file_id
    return found


def of_content(found: Any, video: Any) -> ColumnElement[bool]:
    """Whether what was found in a file is of a video's file as it was last scanned (pure).

    Args:
        found: columns of the table of ``Analysis`` or ``PerceptualHashes``.
        video: columns of the table of videos.

    Returns:
        A condition; size and modification time stand for the content where that was not read.
    """
    unread = sqlalchemy.or_(found.content_id.is_(None), video.content_id.is_(None))
    dated = sqlalchemy.and_(found.size == video.size, found.mtime_ns == video.mtime_ns)
    return sqlalchemy.or_(
        found.content_id == video.content_id,
        found.content_id == video.content_id.concat(MENDED),
        sqlalchemy.and_(found.video_id == video.id, unread, dated),
    )


def perceptual_hashes(
    session: Session, algorithm: str, video_ids: Collection[uuid.UUID]
) -> dict[uuid.UUID, PerceptualHashes]:
    """The perceptual hashes of some videos by an algorithm, by the videos' ids; not of more than a few thousand."""
    statement = select(PerceptualHashes).where(PerceptualHashes.algorithm == algorithm)
    found = session.exec(statement.where(col(PerceptualHashes.video_id).in_(video_ids)))
    return {hashes.video_id: hashes for hashes in found}


def perceptual_hashes_of_contents(
    session: Session, algorithm: str, content_ids: Collection[str]
) -> dict[str, PerceptualHashes]:
    """The perceptual hashes of what holds the same, by content ids; not of more than a few thousand."""
    statement = select(PerceptualHashes).where(PerceptualHashes.algorithm == algorithm)
    found = session.exec(statement.where(col(PerceptualHashes.content_id).in_(content_ids))) if content_ids else ()
    return {hashes.content_id: hashes for hashes in found if hashes.content_id is not None}


def store_perceptual_hashes(session: Session, hashes: PerceptualHashes) -> None:
    """Store the perceptual hashes of a video in place of those it may have, see ``owners_now``."""
    row = {name: getattr(hashes, name) for name in PerceptualHashes.model_fields}
    row["video_id"] = owners_now(session, {hashes.video_id: hashes.content_id}).get(hashes.video_id)
    if row["video_id"] is None:
        return
    statement = insert(PerceptualHashes).values(row)
    session.execute(statement.on_conflict_do_update(index_elements=["video_id"], set_=row))
