"""How long a job waited and ran: its states as segments of time (pure)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from itertools import pairwise

from reelmill.queue.job import AWAITING_RETRY, WAITING_FOR_VRAM


class Phase(StrEnum):
    """What a job does in a segment of its time."""

    WAITING = "waiting"  # in its lane, or while its process is started
    VRAM_WAIT = "vram_wait"
    RUNNING = "running"
    RETRYING = "retrying"  # waits to be tried again
    PAUSED = "paused"


@dataclass(frozen=True)
class StateRow:
    """One state that a run of the job has been in."""

    type: str
    name: str
    time: datetime


@dataclass(frozen=True)
class TimelineSegment:
    """One thing that a job did, from one moment to another."""

    what: Phase
    start: datetime
    end: datetime | None  # None: it still does
    seconds: float


def timeline(states: Iterable[StateRow], now: datetime) -> list[TimelineSegment]:
    """What a job has done, in order; the time after it was over, until somebody sent it back, is no segment.

    Args:
        states: of all its runs, in any order.
        now: the present, with its zone.

    Returns:
        The segments; two of the same kind that follow one another are one.
    """
    ordered = sorted(states, key=lambda state: state.time)
    starts = [(state.time, _phase(state)) for state in ordered]
    changed = [start for place, start in enumerate(starts) if place == 0 or start[1] != starts[place - 1][1]]
    segments = [
        TimelineSegment(phase, start, end, (end - start).total_seconds())
        for (start, phase), (end, _) in pairwise(changed)
        if phase is not None
    ]
    for start, phase in changed[-1:]:
        if phase is not None:
            segments.append(TimelineSegment(phase, start, None, max(0.0, (now - start).total_seconds())))
    return segments


def _phase(state: StateRow) -> Phase | None:
    """The phase that a state begins; None for one in which a job is over, if only until its worker retries it."""
    if state.type == "SCHEDULED":
        return Phase.RETRYING if state.name == AWAITING_RETRY else Phase.WAITING
    if state.type == "PENDING":
        return Phase.VRAM_WAIT if state.name == WAITING_FOR_VRAM else Phase.WAITING
    if state.type in ("RUNNING", "CANCELLING"):
        return Phase.RUNNING
    return Phase.PAUSED if state.type == "PAUSED" else None
