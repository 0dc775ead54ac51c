"""A filter over videos as a clause of SQL; its language is in ``filter_parser``, its fields in ``filter_fields``.

Values travel as bound parameters and names come from the tables' own columns, so that no text of a filter becomes SQL.

Every condition is true or false. SQL's third value is kept out: a comparison with an empty column is false, and its
opposite true. A NULL counts as false wherever no NOT stands above it, so each NOT is carried down to the conditions.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from decimal import Decimal
from typing import Any, Final

import sqlalchemy
from sqlalchemy import Boolean, ColumnElement, FromClause, Numeric, Text, literal, literal_column
from sqlalchemy.dialects.postgresql import ARRAY

from reelmill.catalogue.facts.assets import is_storyboard_of
from reelmill.catalogue.facts.findings import of_content
from reelmill.catalogue.filters.filter_conditions import (
    And,
    Comparison,
    Condition,
    Flag,
    Inside,
    LookedUp,
    Missing,
    Not,
    Or,
    Value,
)
from reelmill.catalogue.filters.filter_fields import FIELDS, INVALID, MADE, MISSING, SAVED, STORYBOARD, Field, Kind
from reelmill.catalogue.filters.filter_parser import parse_filter
from reelmill.catalogue.models import TITLE_REST, UNNORMALISED_TITLE, Asset, PerceptualHashes, Video, VideoTag

__all__ = ["Condition", "clause", "parse_filter", "usable"]

Clause = ColumnElement[bool]


def _table(model: type) -> FromClause:
    table: FromClause = sqlalchemy.inspect(model).local_table
    return table


_VIDEO: Final = _table(Video).c
_TAG: Final = _table(VideoTag).c
_HASHES: Final = _table(PerceptualHashes).c

_ORDER: Final[dict[str, Callable[[Any, Any], Clause]]] = {
    "=": operator.eq, "<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge,
    "after": operator.ge, "before": operator.lt,
}  # fmt: skip


def usable(condition: Condition) -> Condition:
    """A condition for jobs: of the videos that are there and valid, unless it names ``missing`` or ``invalid`` itself.

    Returns:
        The condition, with what was added to it.
    """
    if {MISSING, INVALID} & set(condition.names()):
        return condition
    operands = condition.operands if isinstance(condition, And) else (condition,)
    return And((*operands, Not(Flag(MISSING)), Not(Flag(INVALID))))


def clause(condition: Condition) -> Clause:
    """A condition for the WHERE of a statement on the video table.

    Example:
        >>> with session() as opened:
        ...     opened.exec(select(Video).where(clause(parse_filter("duration > 10m")))).all()

    Args:
        condition: see ``parse_filter``.

    Returns:
        The clause; true for the videos that are meant, false or NULL for the others.

    Raises:
        TypeError: it is no condition.
    """
    match condition:
        case Not(operand):
            return _opposite(operand)
        case And(operands):
            return sqlalchemy.and_(sqlalchemy.true(), *map(clause, operands))
        case Or(operands):
            return sqlalchemy.or_(*map(clause, operands))
        case Flag(name):
            return _flag(name)
        case Missing(name):
            return _missing(FIELDS[name])
        case Comparison(name, compared, value):
            return _comparison(FIELDS[name], compared, value)
        case LookedUp(_, ids):
            named = _VIDEO.id == sqlalchemy.any_(sqlalchemy.cast(list(ids), ARRAY(sqlalchemy.Uuid)))
            return named if ids else sqlalchemy.false()
        case Inside(comparison):
            return _inside(str(comparison.value))
    raise TypeError(f"{condition!r} is no condition")


def _opposite(condition: Condition) -> Clause:
    match condition:
        case Not(operand):
            return clause(operand)
        case And(operands):
            return sqlalchemy.or_(sqlalchemy.false(), *map(_opposite, operands))
        case Or(operands):
            return sqlalchemy.and_(*map(_opposite, operands))
        case Comparison(name) if FIELDS[name].kind is not Kind.TAG:
            return clause(condition).is_not(sqlalchemy.true())
    return sqlalchemy.not_(clause(condition))  # never NULL


def _flag(name: str) -> Clause:
    flags: dict[str, Clause] = {
        INVALID: _VIDEO.is_valid.is_(False),
        MISSING: _VIDEO.missing_since.is_not(None),
        MADE: _VIDEO.is_product,
    }
    return flags[name]


def _missing(field: Field) -> Clause:
    if field.column:
        return _column(field).is_(None)
    return sqlalchemy.not_(sqlalchemy.exists().where(*_elsewhere(field)))


def _column(field: Field) -> ColumnElement[Any]:
    column: ColumnElement[Any] = _VIDEO.source_size - _VIDEO.size if field.name == SAVED else _VIDEO[field.column]
    return column


def _elsewhere(field: Field) -> tuple[Clause, ...]:
    """Where a row stands that shows that a video has something."""
    if field.kind is Kind.TAG:
        return _TAG.video_id == _VIDEO.id, _TAG.confidence > 0
    if field.folder:
        made = _table(Video).alias()
        return (
            made.c.source_video_id == _VIDEO.id,
            made.c.directory_type == field.folder,
            made.c.missing_since.is_(None),
        )
    if field.name == STORYBOARD:
        return is_storyboard_of(Asset, Video)
    return _HASHES.video_id == _VIDEO.id, of_content(_HASHES, _VIDEO)


def _comparison(field: Field, compared: str, value: Value) -> Clause:
    if field.kind is Kind.TAG:
        return sqlalchemy.exists().where(*_elsewhere(field), named(_TAG.name, compared, value))
    column = _column(field)
    if field.kind is Kind.TEXT:
        if field.name == "path" and compared in ("~", "contains"):
            # Its own collation knows ASCII's small letters only.
            column = sqlalchemy.collate(column, "default")
        if field.name == "path" and compared == "~":
            # From the beginning of any folder or name in it.
            return _text(literal("/").concat(column), compared, f"*/{value}")
        return _text(column, compared, str(value))
    if isinstance(value, Decimal):  # of any size, where a bound integer would be out of the column's bounds
        return _ORDER[compared](column, literal(value, Numeric))
    return _ORDER[compared](column, value)


def _inside(word: str) -> Clause:
    rest, unnormalised = literal_column(TITLE_REST, Text()), literal_column(UNNORMALISED_TITLE, Boolean())
    # No ILIKE, for which PostgreSQL would ask the index of all titles as well.
    begins = sqlalchemy.func.starts_with(sqlalchemy.func.lower(_VIDEO.title), sqlalchemy.func.lower(word))
    return sqlalchemy.or_(_text(rest, "contains", word), sqlalchemy.and_(unnormalised, begins))


def named(column: ColumnElement[Any], compared: str, value: Value) -> Clause:
    """Whether the name of a tag compares so."""
    return _text(column, compared, str(value).lower())


def _text(column: ColumnElement[Any], compared: str, value: str) -> Clause:
    if compared == "=":
        return column == value
    literally = value.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    pattern = literally.replace("*", "%").replace("?", "_") if compared == "~" else f"%{literally}%"
    return column.ilike(pattern, escape="\\")
