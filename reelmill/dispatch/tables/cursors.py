"""Where a reading goes on: a cursor is text that whoever reads hands back as it is (pure)."""

from __future__ import annotations

import base64
import binascii
import re
import uuid
from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

from sqlalchemy import ColumnElement, literal, tuple_

from reelmill.errors import UserError

#: How PostgreSQL writes a snapshot: the first transaction that had not ended, the next, those under way between them.
_SNAPSHOT: Final = re.compile(r"\d{1,20}:\d{1,20}:[\d,]*")
_SEPARATOR: Final = "|"


def encode(kind: str, *fields: object) -> str:
    """A cursor.

    Args:
        kind: of reading that it is for.
        *fields: where that goes on; a time as ISO 8601, None as nothing.

    Returns:
        Text that may stand in a URL and in a header.
    """
    texts = [kind, *("" if field is None else _text(field) for field in fields)]
    return base64.urlsafe_b64encode(_SEPARATOR.join(texts).encode()).decode().rstrip("=")


def decode(kind: str, cursor: str, count: int) -> list[str]:
    """The fields of a cursor.

    Args:
        kind: of reading that it must be for.
        cursor: as ``encode`` made it.
        count: of its fields.

    Returns:
        Its fields as text, None as nothing.

    Raises:
        UserError: it is none of ours.
    """
    try:
        text = base64.urlsafe_b64decode(cursor.encode() + b"=" * (-len(cursor) % 4)).decode()
    except (binascii.Error, ValueError) as error:
        raise UserError(_refusal(cursor)) from error
    found, *fields = text.split(_SEPARATOR)
    if found != kind or len(fields) != count:
        raise UserError(_refusal(cursor))
    return fields


def place(fields: Sequence[str], cursor: str) -> tuple[datetime, uuid.UUID]:
    """The time and id that a cursor names a row by.

    Args:
        fields: both as a cursor has them.
        cursor: that they come from.

    Returns:
        Both.

    Raises:
        UserError: they are none.
    """
    try:
        at, found = datetime.fromisoformat(fields[0]), uuid.UUID(fields[1])
    except ValueError as error:
        raise UserError(_refusal(cursor)) from error
    if at.tzinfo is None:
        raise UserError(_refusal(cursor))
    return at, found


def snapshot(text: str, cursor: str) -> str:
    """A snapshot of the database, as PostgreSQL takes it back.

    Args:
        text: as a cursor has it.
        cursor: that it comes from.

    Returns:
        The same.

    Raises:
        UserError: it is none.
    """
    if _SNAPSHOT.fullmatch(text) is None:
        raise UserError(_refusal(cursor))
    return text


def is_before(columns: Sequence[ColumnElement[Any]], values: Sequence[object]) -> ColumnElement[bool]:
    """Whether a row comes before another in the order of these columns."""
    return tuple_(*columns) < _row(columns, values)


def is_after(columns: Sequence[ColumnElement[Any]], values: Sequence[object]) -> ColumnElement[bool]:
    """Whether a row comes after another in the order of these columns."""
    return tuple_(*columns) > _row(columns, values)


def _row(columns: Sequence[ColumnElement[Any]], values: Sequence[object]) -> ColumnElement[Any]:
    return tuple_(*(literal(value, column.type) for column, value in zip(columns, values, strict=True)))


def _refusal(cursor: str) -> str:
    return f"{cursor[:80]!r} is no cursor; hand back the one that came with the last page, or none."


def _text(field: object) -> str:
    return field.isoformat() if isinstance(field, datetime) else str(field)
