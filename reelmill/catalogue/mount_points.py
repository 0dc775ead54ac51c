"""Where disks of their own are mounted below the media root, as scans have seen it. Each function takes a session."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

import sqlalchemy
from sqlalchemy.dialects.postgresql import ARRAY, insert
from sqlmodel import Session, col, delete, select

from reelmill.catalogue.models import MountPoint, Video, utc_now


def record(session: Session, paths: Collection[str]) -> None:
    """Record that a disk is mounted at each of these paths, relative to the media root."""
    if paths:
        rows = [{"path": path, "seen_at": utc_now()} for path in sorted(paths)]
        statement = insert(MountPoint).values(rows)
        seen = {"seen_at": statement.excluded.seen_at}
        session.connection().execute(statement.on_conflict_do_update(index_elements=["path"], set_=seen))


def recorded(session: Session) -> dict[str, datetime]:
    """Every path at which any scan on any node has seen a disk, and when that was last."""
    return dict(session.exec(select(MountPoint.path, MountPoint.seen_at)).all())


def forget(session: Session, paths: Collection[str]) -> None:
    """Forget these: no disk is expected there any more."""
    session.exec(delete(MountPoint).where(col(MountPoint.path).in_(paths)))


def holds_others(session: Session, folder: str, paths: Collection[str], until: datetime) -> bool:
    """Whether a folder holds, by its records, a file that is there and is none of these.

    Args:
        session: of the catalogue.
        folder: relative to the media root.
        paths: below it; there may be many.
        until: what was recorded first after this does not count.

    Returns:
        Whether there is one.
    """
    video = sqlalchemy.inspect(Video).local_table.c
    given = sqlalchemy.func.unnest(sqlalchemy.cast(list(paths), ARRAY(sqlalchemy.String)))
    named = given.table_valued("path").render_derived()
    is_named = sqlalchemy.exists().where(named.c.path == video.path)
    # All paths in a folder lie between the folder with a slash and with what follows the slash.
    within = (
        video.path > f"{folder}/",
        video.path < f"{folder}0",
        video.missing_since.is_(None),
        video.created_at <= until,
    )
    one = sqlalchemy.select(video.path).where(*within, ~is_named).limit(1)
    return session.connection().execute(one).first() is not None
