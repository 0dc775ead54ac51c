"""Thumbnails, storyboards, GIFs and images of scenes: which there are of each video. Each function takes a session."""

from __future__ import annotations

import uuid
from collections.abc import Collection, Iterator, Sequence
from typing import Any, Final

import sqlalchemy
from sqlalchemy import ColumnElement, SQLColumnExpression
from sqlalchemy.dialects.postgresql import insert
from sqlmodel import Session, col, select

from reelmill.catalogue.engine import session as opened_session
from reelmill.catalogue.facts import findings
from reelmill.catalogue.facts.findings import MENDED
from reelmill.catalogue.limits import unfit
from reelmill.catalogue.models import Asset, AssetKind, Scene, Video, utc_now

#: Rows that are read at once.
_PAGE: Final = 2000


def record(session: Session, assets: Sequence[Asset]) -> list[Asset]:
    """Record assets; of those that are known it is recorded by what and when they were made, or found, last.

    Args:
        session: of the catalogue.
        assets: not of more than a few thousand videos.

    Returns:
        Those that are recorded, by the ids that their videos have now, see ``owners_now``.
    """
    owners = findings.owners_now(session, {asset.video_id: asset.content_id for asset in assets})
    owned = [
        Asset(**asset.model_dump(exclude={"video_id"}), video_id=owners[asset.video_id])
        for asset in assets
        if asset.video_id in owners
    ]
    if not owned:
        return []
    rows = [asset.model_dump() for asset in owned]
    statement = insert(Asset)
    keys = [column.name for column in sqlalchemy.inspect(Asset).primary_key]
    changed = {name: statement.excluded[name] for name in Asset.model_fields if name not in keys}
    session.connection().execute(statement.on_conflict_do_update(index_elements=keys, set_=changed), rows)
    return owned


def assets_of(session: Session, video_id: uuid.UUID) -> list[Asset]:
    """The assets of a video, by path."""
    return list(session.exec(select(Asset).where(Asset.video_id == video_id).order_by(col(Asset.path))))


def has_asset(session: Session, video_id: uuid.UUID, path: str) -> bool:
    """Whether a path is that of an asset of a video."""
    return session.get(Asset, (video_id, path)) is not None


def by_path(session: Session, paths: Collection[str], kind: AssetKind) -> list[Asset]:
    """Assets of a kind that have one of these paths, each path once; not of more than a few thousand."""
    found = select(Asset).where(col(Asset.path).in_(paths), Asset.kind == kind)
    return list({asset.path: asset for asset in session.exec(found.order_by(col(Asset.path)))}.values())


def is_storyboard_of(asset: type[Asset], video: type[Video]) -> tuple[ColumnElement[bool], ...]:
    """Whether an asset is the storyboard of what a video's file holds now (pure).

    Args:
        asset: the table of assets.
        video: that of videos.

    Returns:
        Conditions that must all hold; where a content was not read, it counts as the same.
    """
    same = _is_made_of(col(asset.content_id), col(video.content_id))
    return col(asset.video_id) == video.id, col(asset.kind) == AssetKind.STORYBOARD, same


def _is_made_of(made_of: SQLColumnExpression[Any], holds: SQLColumnExpression[Any]) -> ColumnElement[bool]:
    return sqlalchemy.or_(made_of.is_(None), holds.is_(None), made_of == holds, made_of == holds.concat(MENDED))


def recorded(session: Session, paths: Collection[str]) -> set[str]:
    """Those of these paths that are an asset's; not of more than a few thousand."""
    fit = [path for path in paths if unfit(path, 0) is None]  # no row can name the others
    return set(session.exec(select(Asset.path).where(col(Asset.path).in_(fit))))


def every_asset() -> Iterator[tuple[str, str]]:
    """Path and kind of every asset, each once, by the bytes of the paths; each page is a transaction of its own.

    Yields:
        Both.
    """
    after = ""
    while True:
        page = select(Asset.path, sqlalchemy.func.min(Asset.kind)).where(col(Asset.path) > after)
        with opened_session() as opened:
            found = opened.exec(page.group_by(col(Asset.path)).order_by(col(Asset.path)).limit(_PAGE)).all()
        yield from found
        if len(found) < _PAGE:
            return
        after = found[-1][0]


def forget(session: Session, paths: Collection[str]) -> None:
    """Forget assets whose files are gone, so that nothing counts on them, nor shows them as thumbnail or scene."""
    gone = sqlalchemy.delete(Asset).where(col(Asset.path).in_(paths)).returning(col(Asset.video_id))
    owners = set(session.connection().execute(gone).scalars())
    shown = sqlalchemy.update(Video).where(col(Video.id).in_(owners), col(Video.thumbnail_path).in_(paths))
    session.connection().execute(shown.values(thumbnail_path=None))
    scenes = sqlalchemy.update(Scene).where(col(Scene.video_id).in_(owners), col(Scene.image).in_(paths))
    session.connection().execute(scenes.values(image=None))


def show(session: Session, thumbnail: Asset) -> None:
    """Have a thumbnail stand for its video, unless that is recorded to hold something else by now."""
    session.connection().execute(_shown(thumbnail).values(updated_at=utc_now()))


def _shown(thumbnail: Asset) -> sqlalchemy.Update:
    made_of = sqlalchemy.literal(thumbnail.content_id, sqlalchemy.String)
    owner = col(Video.id) == thumbnail.video_id, _is_made_of(made_of, col(Video.content_id))
    return sqlalchemy.update(Video).where(*owner).values(thumbnail_path=thumbnail.path)


def adopt(session: Session, assets: Sequence[Asset]) -> int:
    """Record assets that were found on the disk, of videos that are known; a thumbnail is shown where none was.

    Args:
        session: of the catalogue.
        assets: those that no row names; not more than a few thousand.

    Returns:
        How many of them are recorded now.
    """
    named = select(Video.id).where(col(Video.id).in_({asset.video_id for asset in assets}))
    owners = set(session.exec(named.with_for_update(read=True, key_share=True)))
    known = record(session, [asset for asset in assets if asset.video_id in owners])
    for asset in known:
        if asset.kind == AssetKind.THUMBNAIL:
            session.connection().execute(_shown(asset).where(col(Video.thumbnail_path).is_(None)))
    return len(known)
