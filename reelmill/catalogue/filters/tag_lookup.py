"""Conditions on tags, looked up before the videos are: an OR over two tables is read by no index."""

from __future__ import annotations

from typing import Final

import sqlalchemy
from sqlalchemy.dialects.postgresql import ARRAY
from sqlmodel import Session

from reelmill.catalogue.filters.filter_conditions import And, Comparison, Condition, LookedUp, Not, Or
from reelmill.catalogue.filters.filter_fields import FIELDS, Kind
from reelmill.catalogue.filters.video_filter import named
from reelmill.catalogue.models import VideoTag

#: Of a tag that more videos have than this, they are found soon in any order.
_MOST: Final = 2000


def with_tags_looked_up(session: Session, condition: Condition) -> Condition:
    """The same condition, in which the videos of seldom tags are named.

    Args:
        session: of the catalogue.
        condition: which videos, see ``parse_filter``.

    Returns:
        A condition that the same videos meet.
    """
    match condition:
        case Not(operand):
            return Not(with_tags_looked_up(session, operand))
        case And(operands):
            return And(tuple(with_tags_looked_up(session, operand) for operand in operands))
        case Or(operands):
            return Or(tuple(with_tags_looked_up(session, operand) for operand in operands))
        case Comparison(name) if FIELDS[name].kind is Kind.TAG:
            return _looked_up(session, condition)
    return condition


def _looked_up(session: Session, comparison: Comparison) -> Condition:
    tag = sqlalchemy.inspect(VideoTag).local_table.c
    # From name to name through their index: there are few, and each is on many videos.
    least = sqlalchemy.select(sqlalchemy.func.min(tag.name).label("name")).cte("names", recursive=True)
    after = sqlalchemy.select(sqlalchemy.func.min(tag.name)).where(tag.name > least.c.name).scalar_subquery()
    names = least.union_all(sqlalchemy.select(after).where(least.c.name.is_not(None)))
    meant = sqlalchemy.select(names.c.name).where(named(names.c.name, comparison.operator, comparison.value))
    found = list(session.connection().execute(meant).scalars())
    if not found:
        return LookedUp(comparison, ())
    has_one = tag.name == sqlalchemy.any_(sqlalchemy.cast(found, ARRAY(sqlalchemy.String)))
    tagged = sqlalchemy.select(tag.video_id).where(has_one, tag.confidence > 0).distinct().limit(_MOST + 1)
    ids = tuple(session.connection().execute(tagged).scalars())
    return LookedUp(comparison, ids) if len(ids) <= _MOST else comparison
