"""The rule by which a job that ended badly is tried again: pure functions over plain values.

Where its facts live on a flow run is said here too, because three parts meet over them: the flow's hook records why it
failed, the worker applies the rule, people read both.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from reelmill.errors import FailureClass

#: Labels of a flow run.
RETRIES_LABEL: Final = "reelmill.retries"  # how many retries of the present count are used up
#: Label of a run: of which of its tries the event was emitted.
ANNOUNCED_LABEL: Final = "reelmill.announced"
#: Its value once the job was sent back by hand: the server takes no label away, and 0 tries has what never ran.
NOT_ANNOUNCED: Final = -1
CLASS_LABEL: Final = "reelmill.failure-class"  # of the last failure, a FailureClass
RETRYABLE_LABEL: Final = "reelmill.failure-retryable"  # whether waiting can help against it
#: How often the last failure is worth a retry; ``AS_ALLOWED``: as often as the job may have, since no label goes away.
MOST_RETRIES_LABEL: Final = "reelmill.failure-most-retries"
AS_ALLOWED: Final = -1

#: Tag of a job that is out of retries.
DEAD_LETTER: Final = "dead-letter"

#: What the state message of a retry made by a person begins with; Prefect's own UI writes "Retry from the UI".
BY_HAND: Final = "Retry by hand"

_OURS: Final = re.compile(r"Retry \d+ of \d+ at ")


@dataclass(frozen=True)
class Failure:
    """How a run ended."""

    failure_class: FailureClass
    retryable: bool
    message: str
    most_retries: int | None = None  # however many a job may have


@dataclass(frozen=True)
class Again:
    """The run is tried again."""

    retry: int  # 1 for the first
    at: datetime
    message: str  # of its AwaitingRetry state


@dataclass(frozen=True)
class GiveUp:
    """The run stays failed."""

    dead_letter: bool  # out of retries, rather than beyond the help of waiting


def decide(
    failure: Failure, *, used: int, limit: int, now: datetime, base: timedelta = timedelta(minutes=1)
) -> Again | GiveUp:
    """Whether and when a failed run is tried again: after 2, 4, 8 … times ``base``.

    Args:
        failure: how it ended.
        used: retries already made in the present count.
        limit: how many there may be; fewer where the failure is worth no more.
        now: the time of the failure, with its zone.
        base: the unit the powers of two are counted in.

    Returns:
        The retry, or that there is none.
    """
    if not failure.retryable:
        return GiveUp(dead_letter=False)
    if failure.most_retries is not None:
        limit = min(limit, failure.most_retries)
    if used >= limit:
        return GiveUp(dead_letter=True)
    retry = used + 1
    at = now + base * 2**retry
    return Again(retry=retry, at=at, message=f"Retry {retry} of {limit} at {clock(at)}: {failure.message}")


def clock(at: datetime) -> str:
    """A time as a person reads it on this node."""
    return at.astimezone().strftime("%H:%M:%S")


def made_by_rule(state_name: str, message: str | None) -> bool:
    """Whether a run that is started again waited by this rule; else a person sent it back, and counting begins anew."""
    return state_name != "AwaitingRetry" or _OURS.match(message or "") is not None


def recorded(labels: Mapping[str, Any]) -> tuple[FailureClass, bool] | None:
    """Class and retryability that the flow's hook recorded; None where none ran, as in a process that was killed."""
    if not labels.get(CLASS_LABEL):
        return None
    retryable = bool(labels.get(RETRYABLE_LABEL, False))
    try:
        return FailureClass(labels[CLASS_LABEL]), retryable
    except ValueError:  # of a later version, whose word on whether waiting helps counts all the same
        return FailureClass.RUNTIME, retryable


def recorded_most_retries(labels: Mapping[str, Any]) -> int | None:
    """How often the flow's hook recorded that the failure is worth a retry; None where it set no bound."""
    most = int(labels.get(MOST_RETRIES_LABEL, AS_ALLOWED))
    return None if most == AS_ALLOWED else most
