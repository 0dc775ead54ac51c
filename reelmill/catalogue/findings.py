"""What jobs found out about videos: analyses and perceptual hashes. Each function takes a session."""

from __future__ import annotations

import uuid
from typing import Final

from sqlalchemy.dialects.postgresql import insert
from sqlmodel import Session, select

from reelmill.catalogue.models import Analysis, PerceptualHashes, Video

#: Kind of the record of a storyboard; its result is the path of the WebVTT, relative to the media root.
STORYBOARD: Final = "storyboard"

#: Kind of the record of a video's cuts and fades, as ``analysis/scenes/transitions.py`` writes them.
TRANSITIONS: Final = "transitions"


def store_analysis(session: Session, found: Analysis) -> None:
    """Store a result in place of an earlier one; of two that come at once the later stands."""
    row = {name: getattr(found, name) for name in Analysis.model_fields}
    statement = insert(Analysis).values(row)
    session.connection().execute(
        statement.on_conflict_do_update(index_elements=["video_id", "kind"], set_=dict(statement.excluded))
    )


def stored_analysis(session: Session, video: Video, kind: str) -> Analysis | None:
    """What was found in a video's file as the last scan saw it, by whichever version of the algorithm."""
    found = session.get(Analysis, (video.id, kind))
    return None if found is None or (found.size, found.mtime_ns) != (video.size, video.mtime_ns) else found


def perceptual_hashes(
    session: Session, algorithm: str, directory_type: str | None = None
) -> dict[uuid.UUID, PerceptualHashes]:
    """The perceptual hashes by an algorithm, by their videos' ids, for one directory type or for all."""
    statement = select(PerceptualHashes).where(PerceptualHashes.algorithm == algorithm)
    if directory_type is not None:
        statement = statement.join(Video).where(Video.directory_type == directory_type)
    return {found.video_id: found for found in session.exec(statement)}


def store_perceptual_hashes(session: Session, hashes: PerceptualHashes) -> None:
    """Store the perceptual hashes of a video in place of those it may have."""
    row = {name: getattr(hashes, name) for name in PerceptualHashes.model_fields}
    statement = insert(PerceptualHashes).values(row)
    session.execute(statement.on_conflict_do_update(index_elements=["video_id"], set_=row))
