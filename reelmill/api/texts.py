"""Texts and values that are sent in: none that the database or the Prefect server would choke on."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Annotated, Any, Final

from pydantic import AfterValidator, BeforeValidator, StringConstraints

from reelmill.catalogue.limits import check_storable

#: What ends a line, or is not seen: with it, a reason would look like further lines of a log.
_CONTROL: Final = re.compile("[\0-\x1f\x7f-\x9f\u2028\u2029]")


def _storable(value: Any) -> Any:
    check_storable(value)
    return value


def _one_line(text: str) -> str:
    if _CONTROL.search(text):
        raise ValueError("it is one line, without control characters")
    return text


def _in_utc(at: datetime) -> datetime:
    return at if at.tzinfo is not None else at.replace(tzinfo=UTC)


#: A name, a tag, a word to look for; a file may be called anything.
Text = Annotated[str, StringConstraints(min_length=1, max_length=500), AfterValidator(_storable)]

#: What somebody writes into logs, such as a reason.
Line = Annotated[Text, AfterValidator(_one_line)]

#: A time; one without a zone is UTC.
Time = Annotated[datetime, AfterValidator(_in_utc)]

#: The parameters of a job, as they are sent.
Params = Annotated[dict[str, Any], BeforeValidator(_storable)]
