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

from sqlalchemy import BigInteger, ColumnElement, Float, Text, and_, literal_column, or_, true
from sqlmodel import Session, col, select

from reelmill.catalogue.filter_conditions import Condition
from reelmill.catalogue.limits import clean
from reelmill.catalogue.listing import count_matching
from reelmill.catalogue.models import FOLDED_TITLE, LENGTH, SAVED, Video
from reelmill.catalogue.tag_lookup import with_tags_looked_up
from reelmill.catalogue.video_filter import clause
from reelmill.errors import UserError

#: So many videos are looked through in their order first, which is enough where many are meant. How many that are is no
#: help: all of them may stand at the end.
_LOOKED_THROUGH: Final = 2000


class Order(StrEnum):
    """How videos are sorted; those that are alike in it by path."""

    NEWEST = "newest"  # to the catalogue
    TITLE = "title"
    PATH = "path"
    LARGEST = "largest"
    LONGEST = "longest"
    SAVING = "saving"  # web copies by what they save; what is none comes last


@dataclass(frozen=True)
class _Key:
    """What an order sorts by."""

    column: Any  # of the statement
    descending: bool
    write: Callable[[Any], Any]  # what the database gave for it, to JSON
    read: Callable[[Any], Any]  # from JSON

    def sorted(self, column: Any) -> Any:
        """A column with the same values, in this order."""
        return column.desc() if self.descending else column.asc()

    def reaches(self, edge: Any) -> ColumnElement[bool]:
        """What stands before an edge, or at it."""
        reached: ColumnElement[bool] = self.column >= edge if self.descending else self.column <= edge
        return reached


#: The database alone makes the keys: its lower case is not Python's (``İ``, a final ``Σ``).
_KEYS: Final[dict[Order, _Key]] = {
    Order.NEWEST: _Key(
        col(Video.created_at), True, lambda time: time.isoformat(), lambda text: datetime.fromisoformat(text)
    ),
    Order.TITLE: _Key(literal_column(FOLDED_TITLE, Text()), False, str, clean),
    Order.PATH: _Key(col(Video.path), False, str, clean),
    Order.LARGEST: _Key(col(Video.size), True, int, int),
    Order.LONGEST: _Key(literal_column(LENGTH, Float()), True, float, float),
    Order.SAVING: _Key(literal_column(SAVED, BigInteger()), True, int, int),
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
    condition = with_tags_looked_up(session, condition)
    shown, following = page_of(session, condition, order, after=after, limit=limit)
    return VideoPage(shown, count_matching(session, condition), following)


def page_of(
    session: Session, condition: Condition, order: Order, *, after: str = "", limit: int = 60
) -> tuple[tuple[Video, ...], str | None]:
    """Read a page of videos, without how many there are on all; arguments and errors as of ``browse``.

    Returns:
        The videos, and where the next page begins; None: this is the last.
    """
    key, path = _KEYS[order], col(Video.path)
    behind = _behind(key, *_place(key, after)) if after else true()
    wanted = select(Video, key.column).order_by(key.sorted(key.column), path).limit(limit + 1)
    keys = select(key.column).select_from(Video).where(behind).order_by(key.sorted(key.column))
    edge = session.exec(keys.offset(max(_LOOKED_THROUGH, limit + 1) - 1).limit(1)).first()
    near = true() if edge is None else key.reaches(edge)
    found = list(session.exec(wanted.where(clause(condition), behind, near)))
    if len(found) <= limit and edge is not None:
        # Chosen before they are sorted (an OFFSET holds PostgreSQL to that), so that no order is worse than another.
        meant = select(col(Video.id), key.column.label("key"), path).where(behind, clause(condition)).offset(0)
        each = meant.subquery().c
        best = select(each.id).order_by(key.sorted(each.key), each.path).limit(limit + 1)
        found = list(session.exec(wanted.where(col(Video.id).in_(best))))
    shown = tuple(video for video, _ in found[:limit])
    more = json.dumps([key.write(found[limit - 1][1]), shown[-1].path]) if len(found) > limit else None
    return shown, more


def directory_types(session: Session) -> list[str]:
    """The directory types that hold a video, by name."""
    column = col(Video.directory_type)
    return list(session.exec(select(column).distinct().order_by(column)))


def _behind(key: _Key, value: Any, path: str) -> ColumnElement[bool]:
    """What stands behind a place (a comparison of rows, but that the path always ascends)."""
    # So that an index begins there: it knows nothing to do with an OR alone.
    not_before = key.column <= value if key.descending else key.column >= value
    return and_(not_before, or_(key.column != value, col(Video.path) > path))


def _place(key: _Key, after: str) -> tuple[Any, str]:
    try:
        value, path = json.loads(after)
        return key.read(value), clean(path)
    except (ValueError, TypeError, OverflowError) as error:
        raise UserError("This page is of another order of the videos; begin at its first page.") from error
