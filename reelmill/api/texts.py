"""Texts and values that are sent in: none that the database or the Prefect server would choke on."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Annotated, Any, Final

from pydantic import AfterValidator, BeforeValidator, StringConstraints

#: PostgreSQL takes neither NUL nor half of a UTF-16 pair, in whatever column.
_REFUSED: Final = re.compile("[\0\ud800-\udfff]")

#: What ends a line, or is not seen: with it, a reason would look like further lines of a log.
_CONTROL: Final = re.compile("[\0-\x1f\x7f-\x9f\u2028\u2029]")
_DEEPEST: Final = 16  # of lists and objects in one another


def _storable(text: str) -> str:
    if _REFUSED.search(text):
        raise ValueError("a character in it cannot be stored")
    return text


def _one_line(text: str) -> str:
    if _CONTROL.search(text):
        raise ValueError("it is one line, without control characters")
    return text


def _storable_value(value: Any, depth: int = 0) -> Any:
    if depth > _DEEPEST:
        raise ValueError(f"it is nested deeper than {_DEEPEST} levels")
    if isinstance(value, str):
        _storable(value)
    elif isinstance(value, float) and not math.isfinite(value):
        raise ValueError("NaN and infinity are no JSON")
    elif isinstance(value, Mapping):
        for key, item in value.items():
            _storable(str(key))
            _storable_value(item, depth + 1)
    elif isinstance(value, (list, tuple)):
        for item in value:
            _storable_value(item, depth + 1)
    return value


def _in_utc(at: datetime) -> datetime:
    return at if at.tzinfo is not None else at.replace(tzinfo=UTC)


#: A name, a tag, a word to look for; a file may be called anything.
Text = Annotated[str, StringConstraints(min_length=1, max_length=500), AfterValidator(_storable)]

#: What somebody writes into logs, such as a reason.
Line = Annotated[Text, AfterValidator(_one_line)]

#: A time; one without a zone is UTC.
Time = Annotated[datetime, AfterValidator(_in_utc)]

#: The parameters of a job, as they are sent.
Params = Annotated[dict[str, Any], BeforeValidator(_storable_value)]
