"""How long a job waited and ran: its states as segments of time (pure)."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from itertools import pairwise

from reelmill.queue.job import AWAITING_RETRY, WAITING_FOR_VRAM
from reelmill.queue.job_chain import REPLACED, replaced_by, takes_place_of


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

    run_id: uuid.UUID
    type: str
    name: str
    time: datetime
    message: str | None = None


@dataclass(frozen=True)
class TimelineSegment:
    """One thing that a job did, from one moment to another."""

    what: Phase
    start: datetime
    end: datetime | None  # None: it still does
    seconds: float


def timeline(states: Iterable[StateRow], now: datetime) -> list[TimelineSegment]:
    """What a job has done, in order; the time after it was over, until somebody sent it back, is no segment.

    A change of lane is none of what it does, and leaves no trace here.

    Args:
        states: of all its runs, in any order.
        now: the present, with its zone.

    Returns:
        The segments; two of the same kind that follow one another are one.
    """
    ordered = _of_the_job(sorted(states, key=lambda state: state.time))
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


def _of_the_job(states: Sequence[StateRow]) -> list[StateRow]:
    """The states that the job itself was in, without those by which one run takes the place of another.

    Args:
        states: of all its runs, the first first.

    Returns:
        The others. Of a run that was to take the place of one that started meanwhile, none is left.
    """
    taken_from = {state.run_id: takes_place_of(state.message) for state in states if _takes_place(state)}
    replaced = {state.run_id: replaced_by(state.message) for state in states if state.name == REPLACED}
    in_vain = {run_id for run_id, before in taken_from.items() if before == replaced.get(run_id)}
    return [
        state for state in states if state.run_id not in in_vain and state.name != REPLACED and not _takes_place(state)
    ]


def _takes_place(state: StateRow) -> bool:
    return state.type == "PAUSED" and takes_place_of(state.message) is not None


def _phase(state: StateRow) -> Phase | None:
    """The phase that a state begins; None for one in which a job is over, if only until its worker retries it."""
    if state.type == "SCHEDULED":
        return Phase.RETRYING if state.name == AWAITING_RETRY else Phase.WAITING
    if state.type == "PENDING":
        return Phase.VRAM_WAIT if state.name == WAITING_FOR_VRAM else Phase.WAITING
    if state.type in ("RUNNING", "CANCELLING"):
        return Phase.RUNNING
    return Phase.PAUSED if state.type == "PAUSED" else None
