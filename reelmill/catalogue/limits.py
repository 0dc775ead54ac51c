"""What a row of the catalogue can hold (pure): so that what it cannot is named before the database refuses it."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from typing import Any, Final

import sqlalchemy

from reelmill.catalogue.models import Video

#: Bytes of a path. Paths are unique, and an entry of that index has room for 2,704 (a third of PostgreSQL's page of
#: 8 kB, see BTMaxItemSize in nbtree.h), of which 12 go to its own and the text's headers.
PATH_BYTES: Final = 2692

#: Bytes of a name, on every file system that is in use on Linux (NAME_MAX).
NAME_BYTES: Final = 255

#: Nanoseconds since 1970 that a bigint holds: from 1677 to 2262.
BIGINT: Final = range(-(2**63), 2**63)
_INTEGER: Final = range(-(2**31), 2**31)

#: What PostgreSQL's text takes from nobody: NUL, and halves of UTF-16 pairs, which Python's file names may hold.
_REFUSED: Final = re.compile("[\0\ud800-\udfff]")
_REPLACEMENT: Final = "\ufffd"
_DEEPEST: Final = 16  # of lists and objects in one another


def clean(text: str) -> str:
    """``text`` with a mark in the place of each character that PostgreSQL does not take."""
    return _REFUSED.sub(_REPLACEMENT, text)


def to_json(value: Any) -> str:
    """JSON as PostgreSQL takes it: no NaN and no infinity (null stands for them), no character it refuses."""
    return json.dumps(_clean(value), allow_nan=False)


def _clean(value: Any) -> Any:
    if isinstance(value, str):
        return clean(value)
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {clean(str(key)): _clean(item) for key, item in value.items()}
    return [_clean(item) for item in value] if isinstance(value, (list, tuple)) else value


def check_storable(value: Any, depth: int = 0) -> None:
    """Refuse what was sent in and neither the database nor the Prefect server can keep.

    Args:
        value: a text, or lists and objects of some.
        depth: of lists and objects that it lies in.

    Raises:
        ValueError: it holds such a character, NaN or infinity, or too much in one another.
    """
    if depth > _DEEPEST:
        raise ValueError(f"it is nested deeper than {_DEEPEST} levels")
    if isinstance(value, str):
        if _REFUSED.search(value):
            raise ValueError("a character in it cannot be stored")
    elif isinstance(value, float) and not math.isfinite(value):
        raise ValueError("NaN and infinity are no JSON")
    elif isinstance(value, Mapping):
        for key, item in value.items():
            check_storable(str(key))
            check_storable(item, depth + 1)
    elif isinstance(value, (list, tuple)):
        for item in value:
            check_storable(item, depth + 1)


def unfit(path: str, mtime_ns: int) -> str | None:
    """Why no record of a file can be made, by its name and time; None where one can.

    Args:
        path: relative to the media root.
        mtime_ns: its modification time, nanoseconds since 1970.

    Returns:
        A sentence with the way out.
    """
    if not (path.isascii() and "\0" not in path) and _REFUSED.search(path):  # nearly all are plain, and there are many
        return f"{path!a} is not a UTF-8 name; rename it."
    size = len(path.encode())
    if size > PATH_BYTES:
        return f"{path[:60]}… has a path of {size} bytes, and {PATH_BYTES} are the limit; rename folders above it."
    if mtime_ns not in BIGINT:
        year = 1970 + mtime_ns / 1e9 / 31_556_952  # seconds of a Gregorian year
        return f"{path} is dated about the year {year:.0f}, and 1677 to 2262 can be kept; give it a date with `touch`."
    return None


def takes_plain_names(folder: str) -> bool:
    """Whether ``unfit`` has nothing against any ASCII name in a folder, whose path ends with a slash."""
    return unfit(f"{folder}{'a' * NAME_BYTES}", 0) is None


def unfit_record(video: Video) -> str | None:
    """Why a record cannot be kept; None where it can."""
    reason = unfit(video.path, video.mtime_ns)
    if reason is not None:
        return reason
    for column in sqlalchemy.inspect(Video).local_table.c:
        value = getattr(video, column.key)
        if not _holds(column.type, value):
            return f"{video.path} has a {column.key} of {value}, which cannot be kept."
    return None


def _holds(kind: sqlalchemy.types.TypeEngine[Any], value: object) -> bool:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return True
    if isinstance(value, float):
        return math.isfinite(value)
    if isinstance(kind, sqlalchemy.BigInteger):
        return value in BIGINT
    return value in _INTEGER if isinstance(kind, sqlalchemy.Integer) else True
