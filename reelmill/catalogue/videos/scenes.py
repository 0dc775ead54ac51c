"""The scenes of videos. Each function takes a session."""

from __future__ import annotations

import uuid
from collections.abc import Collection, Sequence

import sqlalchemy
from sqlmodel import Session, col, select

from reelmill.catalogue.facts import findings
from reelmill.catalogue.facts.findings import MENDED
from reelmill.catalogue.models import Scene, Video
from reelmill.catalogue.videos import searching


def record(session: Session, video_id: uuid.UUID, scenes: Sequence[Scene]) -> None:
    """Record the scenes of a video in place of those that were recorded.

    Args:
        session: of the catalogue.
        video_id: of its record, see ``owners_now``.
        scenes: all of them; one that is as it was keeps the image and the score it had, where it brings none.
    """
    held = next((scene.content_id for scene in scenes), None)
    owner = findings.owners_now(session, {video_id: held}).get(video_id)
    if owner is None:
        return
    row_of = sqlalchemy.inspect(Scene).local_table.c
    kept = sqlalchemy.select(row_of.starts_at, row_of.ends_at, row_of.content_id, row_of.image, row_of.score)
    found = session.connection().execute(kept.where(row_of.video_id == owner))
    known = {(first, end, content): (image, score) for first, end, content, image, score in found}
    rows = []
    for scene in scenes:
        row = {name: getattr(scene, name) for name in Scene.model_fields} | {"video_id": owner}
        image, score = known.get((scene.starts_at, scene.ends_at, scene.content_id), (None, None))
        row["image"] = image if scene.image is None else scene.image
        row["score"] = score if scene.score is None else scene.score
        rows.append(row)
    session.connection().execute(sqlalchemy.delete(Scene).where(col(Scene.video_id) == owner))
    if rows:
        session.connection().execute(sqlalchemy.insert(Scene), rows)


def scenes_of(session: Session, video: Video) -> list[Scene]:
    """The scenes of what a video's file holds, in their order, found in it or in another of the same content."""
    found = _scenes(session, video, [video.id])
    if found or video.content_id is None:
        return found
    others = _scenes(session, video, searching.ids_of_content(session, video.content_id))
    return [scene for scene in others if scene.video_id == others[0].video_id]


def _scenes(session: Session, video: Video, owners: Collection[uuid.UUID]) -> list[Scene]:
    wanted = select(Scene).where(col(Scene.video_id).in_(owners))
    if video.content_id is not None:
        content = col(Scene.content_id)
        same = sqlalchemy.or_(content.is_(None), content.in_([video.content_id, video.content_id + MENDED]))
        wanted = wanted.where(same)
    return list(session.exec(wanted.order_by(col(Scene.video_id), col(Scene.number))))
