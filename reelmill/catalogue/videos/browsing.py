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

import sqlalchemy
from sqlalchemy import BigInteger, ColumnElement, Float, Text, and_, func, literal_column, not_, or_, true
from sqlmodel import Session, col, select

from reelmill.catalogue.filters.filter_conditions import Condition
from reelmill.catalogue.filters.tag_lookup import with_tags_looked_up
from reelmill.catalogue.filters.video_filter import clause
from reelmill.catalogue.limits import clean
from reelmill.catalogue.models import FOLDED_TITLE, LENGTH, SAVED, TITLE_KEY, Video
from reelmill.catalogue.videos.explaining import rows_expected
from reelmill.catalogue.videos.listing import Total, total_of
from reelmill.catalogue.videos.title_pages import Split
from reelmill.errors import UserError

#: So many videos for each on the page are looked through in their order first: enough where most are meant.
_FIRST: Final = 4

#: As many more as by the database's estimate hold twice a page of what is meant, where that is not more than this. They
#: may stand at the end all the same.
_MOST: Final = 8000


#: The same values as ``FOLDED_TITLE``, in a third of the time: ASCII is normalised as it is.
_TITLE_AT_ONCE: Final = (
    f"CASE WHEN octet_length(title) = length(title) THEN left(lower(title), {TITLE_KEY}) ELSE {FOLDED_TITLE} END"
)


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
    without_index: Any = None  # the same values, for whoever sorts without the index; None: as they are

    def sorted(self, column: Any) -> Any:
        """A column with the same values, in this order."""
        return column.desc() if self.descending else column.asc()

    def last(self, column: Any) -> Any:
        """Of a column with such values, that which stands last in this order."""
        return func.min(column) if self.descending else func.max(column)


#: The database alone makes the keys: its lower case is not Python's (``İ``, a final ``Σ``).
_KEYS: Final[dict[Order, _Key]] = {
    Order.NEWEST: _Key(
        col(Video.created_at), True, lambda time: time.isoformat(), lambda text: datetime.fromisoformat(text)
    ),
    Order.TITLE: _Key(literal_column(FOLDED_TITLE, Text()), False, str, clean, literal_column(_TITLE_AT_ONCE, Text())),
    Order.PATH: _Key(col(Video.path), False, str, clean),
    Order.LARGEST: _Key(col(Video.size), True, int, int),
    Order.LONGEST: _Key(literal_column(LENGTH, Float()), True, float, float),
    Order.SAVING: _Key(literal_column(SAVED, BigInteger()), True, int, int),
}


@dataclass(frozen=True)
class VideoPage:
    """A page of videos."""

    videos: tuple[Video, ...]
    total: Total  # on all pages
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
    return VideoPage(shown, total_of(session, condition), following)


def page_of(
    session: Session, condition: Condition, order: Order, *, after: str = "", limit: int = 60
) -> tuple[tuple[Video, ...], str | None]:
    """Read a page of videos, without how many there are on all; arguments and errors as of ``browse``.

    Returns:
        The videos, and where the next page begins; None: this is the last.
    """
    key = _KEYS[order]
    behind, meant = _behind(key, *_place(key, after)) if after else true(), clause(condition)
    found = _read(session, key, _looked_through(key, behind, meant, _FIRST * (limit + 1)), limit + 1)
    if len(found) <= limit:
        most = _worth_a_look(session, behind, meant, limit + 1)
        if most is not None:
            found = _read(session, key, _looked_through(key, behind, meant, most), limit + 1)
    if len(found) <= limit and order is Order.TITLE:
        found = _by_beginning(session, key, behind, condition, limit + 1)
    if len(found) <= limit:
        found = _read(session, key, _chosen(key, behind, meant), limit + 1)
    shown = tuple(video for video, _ in found[:limit])
    more = json.dumps([key.write(found[limit - 1][1]), shown[-1].path]) if len(found) > limit else None
    return shown, more


def _worth_a_look(session: Session, behind: ColumnElement[bool], meant: ColumnElement[bool], wanted: int) -> int | None:
    """How many videos are to be looked through for so many that are meant; None: rather all that are meant."""
    ids = select(col(Video.id)).where(behind)
    most = 2 * wanted * rows_expected(session, ids) // rows_expected(session, ids.where(meant))
    return most if most <= _MOST else None


def _by_beginning(
    session: Session, key: _Key, behind: ColumnElement[bool], condition: Condition, wanted: int
) -> list[tuple[Video, Any]]:
    """The first so many by title, where enough of them begin with a word of the search; else nothing."""
    split = Split.of(session, condition)
    if split is None:
        return []
    beginning = _looked_through(key, and_(behind, split.begins), clause(condition), _FIRST * wanted)
    if len(_read(session, key, beginning, wanted)) < wanted:
        return []
    others = _chosen(key, and_(behind, not_(split.begins)), clause(split.others))
    return _read(session, key, sqlalchemy.union_all(beginning, others), wanted)


def _looked_through(key: _Key, behind: ColumnElement[bool], meant: ColumnElement[bool], most: int) -> Any:
    """What is meant of the first videos in an order; those alike in what they are sorted by all, or none of them."""
    # Whether they are meant is a column: as a condition it would have PostgreSQL choose another index at times.
    columns = *_sorted_by(key.column), meant.label("meant")
    first = sqlalchemy.select(*columns).where(behind).order_by(key.sorted(key.column)).limit(most).subquery()
    ends = func.count().over().label("count"), key.last(first.c.key).over().label("edge")
    seen = sqlalchemy.select(first, *ends).subquery().c
    whole = or_(seen.count < most, seen.key != seen.edge)
    return sqlalchemy.select(seen.id, seen.key, seen.path).where(seen.meant, whole)


def _chosen(key: _Key, behind: ColumnElement[bool], meant: ColumnElement[bool]) -> Any:
    """What is meant of all."""
    # Chosen before it is sorted (an OFFSET holds PostgreSQL to that), so that no order is worse than another.
    column = key.column if key.without_index is None else key.without_index
    return sqlalchemy.select(*_sorted_by(column)).where(behind, meant).offset(0)


def _sorted_by(column: Any) -> tuple[Any, ...]:
    return col(Video.id), column.label("key"), col(Video.path)


def _read(session: Session, key: _Key, chosen: Any, limit: int) -> list[tuple[Video, Any]]:
    each = chosen.subquery().c
    best = (
        sqlalchemy.select(each.id, each.key, each.path)
        .order_by(key.sorted(each.key), each.path)
        .limit(limit)
        .subquery()
        .c
    )
    wanted = select(Video, best.key).join_from(Video, best.id.table, col(Video.id) == best.id)
    return list(session.exec(wanted.order_by(key.sorted(best.key), best.path)))


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
