"""What every job that puts a film together says at its end, and answers with."""

from __future__ import annotations

import time
import uuid

from reelmill.catalogue.models import Video
from reelmill.ffmpeg.cost import Cost
from reelmill.operations.parts import Effort
from reelmill.report import Report


class Outcome(Effort):
    """The film; the result of each job adds to it."""

    video_id: uuid.UUID  # of the new record
    path: str
    reused: bool  # an earlier run had made it
    duration: float  # seconds
    seconds: float  # wall time of this run
    size: int  # bytes
    cost: Cost | None = None  # of this run; None where an earlier one had made it


def outcome(report: Report, made: Video, cost: Cost | None, effort: Effort, started: float) -> Outcome:
    """Say that a film is done.

    Args:
        report: where it is said.
        made: the film's record.
        cost: of this run; None where an earlier one had made it.
        effort: of this run.
        started: when, by ``time.monotonic``.
    """
    report.line(f"output: {made.path}, {made.size} bytes")
    report.progress(1.0, "done")
    return Outcome(
        video_id=made.id,
        path=made.path,
        reused=cost is None,
        duration=made.duration or 0.0,
        seconds=time.monotonic() - started,
        size=made.size,
        cost=cost,
        **vars(effort),
    )
