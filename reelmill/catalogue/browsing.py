"""Videos as people browse them: in an order of their choice, a page at a time, however many there are.

A page begins after the last video of the one before, by what that was sorted by (keyset), so that the thousandth page
costs what the first does, and no video comes twice while others come and go.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Final

from sqlalchemy import ColumnElement, and_, or_
from sqlmodel import Session, col, func, select

from reelmill.catalogue.filter_conditions import Condition
from reelmill.catalogue.limits import clean
from reelmill.catalogue.listing import count_matching
from reelmill.catalogue.models import Video
from reelmill.catalogue.video_filter import clause
from reelmill.errors import UserError

#: Where a video of unknown length stands: behind all others.
_UNKNOWN: Final = -1.0


class Order(StrEnum):
    """How videos are sorted; those that are alike in it by path."""

    NEWEST = "newest"  # to the catalogue
    TITLE = "title"
    PATH = "path"
    LARGEST = "largest"
    LONGEST = "longest"


@dataclass(frozen=True)
class _Key:
    """What an order sorts by."""

    column: Any  # of the statement
    descending: bool
    write: Callable[[Any], Any]  # what the database gave for it, to JSON
    read: Callable[[Any], Any]  # from JSON


#: The database alone makes the keys: its lower case is not Python's (``İ``, a final ``Σ``).
_KEYS: Final[dict[Order, _Key]] = {
    Order.NEWEST: _Key(
        col(Video.created_at), True, lambda time: time.isoformat(), lambda text: datetime.fromisoformat(text)
    ),
    Order.TITLE: _Key(func.lower(col(Video.title)), False, str, clean),
    Order.PATH: _Key(col(Video.path), False, str, clean),
    Order.LARGEST: _Key(col(Video.size), True, int, int),
    Order.LONGEST: _Key(func.coalesce(col(Video.duration), _UNKNOWN), True, float, float),
}


@dataclass(frozen=True)
class VideoPage:
    """A page of videos."""

    videos: tuple[Video, ...]
    total: int  # on all pages
    next: str | None  # where the next page begins; None: this is the last


def browse(session: Session, condition: Condition, order: Order, *, after: str = "", limit: int = 60) -> VideoPage:
    """Read a page of videos.

    Args:
        session: of the catalogue.
        condition: which videos, see ``narrowed`` and ``parse_filter``.
        order: how they are sorted.
        after: ``next`` of the page before; empty: the first page.
        limit: the most videos on it.

    Returns:
        The page.

    Raises:
        UserError: ``after`` is no place in this order.
    """
    key, path = _KEYS[order], col(Video.path)
    wanted = select(Video, key.column).where(clause(condition))
    if after:
        wanted = wanted.where(_behind(key, *_place(key, after)))
    sorted_by = key.column.desc() if key.descending else key.column.asc()
    found = list(session.exec(wanted.order_by(sorted_by, path).limit(limit + 1)))
    shown = tuple(video for video, _ in found[:limit])
    more = json.dumps([key.write(found[limit - 1][1]), shown[-1].path]) if len(found) > limit else None
    return VideoPage(shown, count_matching(session, condition), more)


def directory_types(session: Session) -> list[str]:
    """The directory types that hold a video, by name."""
    column = col(Video.directory_type)
    return list(session.exec(select(column).distinct().order_by(column)))


def _behind(key: _Key, value: Any, path: str) -> ColumnElement[bool]:
    """What stands behind a place (a comparison of rows, but that the path always ascends)."""
    further = key.column < value if key.descending else key.column > value
    return or_(further, and_(key.column == value, col(Video.path) > path))


def _place(key: _Key, after: str) -> tuple[Any, str]:
    try:
        value, path = json.loads(after)
        return key.read(value), clean(path)
    except (ValueError, TypeError, OverflowError) as error:
        raise UserError("This page is of another order of the videos; begin at its first page.") from error
