"""What a job did since a person last sent it back (pure): what metrics have counted before is left out."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from typing import Final

from reelmill.queue.retry_policy import made_by_rule

#: Types of states in which a run is over.
FINAL_TYPES: Final = ("COMPLETED", "FAILED", "CRASHED", "CANCELLED")


@dataclass(frozen=True)
class PastState:
    """One state that a run has been in."""

    type: str
    name: str
    message: str | None
    time: datetime


@dataclass(frozen=True)
class Round:
    """From when a job was sent back by hand until it was over again, tries of the retry rule among it."""

    seconds: float  # that it ran
    waited: float | None  # seconds until it first started; None where it did not


def last_round(states: Iterable[PastState]) -> Round | None:
    """The round of a run that is over.

    Args:
        states: all that it has been in, in any order.

    Returns:
        Its last round; None where nobody has sent it back, so that its only one is all it has done.
    """
    ordered = sorted(states, key=lambda state: state.time)
    begins = [place for place, (old, new) in enumerate(pairwise(ordered), 1) if _sent_back(old, new)]
    return _round(ordered[begins[-1] :]) if begins else None


def _sent_back(old: PastState, new: PastState) -> bool:
    """A pause repeats the state that a job waited in, so that only one after its end counts."""
    return old.type in FINAL_TYPES and not made_by_rule(new.name, new.message)


def _round(states: Sequence[PastState]) -> Round:
    ran = [(old.time, new.time) for old, new in pairwise(states) if old.type == "RUNNING"]
    waited = (ran[0][0] - states[0].time).total_seconds() if ran else None
    return Round(sum((until - since).total_seconds() for since, until in ran), waited)
