"""How many encodes at once a node does best: what to try next, and where the knee is (pure)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from pydantic import BaseModel, ConfigDict

#: More at once are not tried.
MOST: Final = 64

#: How much of what more streams would add, could they all run as fast as before, they must add for it to be growth.
#: A twentieth, since two runs of the same work differ by a few hundredths.
GROWTH: Final = 0.05


class Step(BaseModel):
    """The same scenario, several times at once."""

    model_config = ConfigDict(frozen=True)

    streams: int
    speed: float  # of the slowest stream: seconds of video per second
    throughput: float  # of all together: seconds of video per second
    cores: float  # busy on average

    @property
    def pace(self) -> float:
        """What each stream got, start-up and waiting for a core included: seconds of video per second.

        Streams that ran one after another are each fast, and yet could not all be live.
        """
        return min(self.speed, self.throughput / self.streams)

    @property
    def realtime(self) -> bool:
        """Whether each stream kept up with its own clock."""
        return self.pace >= 1.0


class Limit(BaseModel):
    """What the search found."""

    model_config = ConfigDict(frozen=True)

    recommended: int  # the knee; 0 where not even one stream runs in real time
    realtime: int  # live streams at once: an estimate, the whole seconds of video per second at best
    reason: str  # why not more
    steps: tuple[Step, ...]  # by streams


def next_streams(steps: Sequence[Step]) -> int | None:
    """How many to try next: 1, 2, 4 ..., and once a number is too many, what lies half-way.

    Args:
        steps: those measured, in any order.

    Returns:
        The number; None where the limit is found.
    """
    if not steps:
        return 1
    ordered = sorted(steps, key=lambda step: step.streams)
    too_many = next((step.streams for step in ordered if not step.realtime), None)
    if too_many is not None:
        enough = max((step.streams for step in ordered if step.streams < too_many), default=too_many)
        return (enough + too_many) // 2 if too_many - enough > 1 else None
    if len(ordered) > 1 and not _grew(ordered[-2], ordered[-1]):
        return None
    following = 2 * ordered[-1].streams
    return following if following <= MOST else None


def knee(steps: Sequence[Step]) -> Limit:
    """The most streams at once that each run in real time and still add to the whole.

    Args:
        steps: all that were measured, at least one.

    Returns:
        The knee, and why there is no more.
    """
    ordered = sorted(steps, key=lambda step: step.streams)
    best: Step | None = None
    reason = f"no more than {MOST} were tried"
    for step in ordered:
        if not step.realtime:
            reason = f"with {step.streams} at once the slowest ran at {step.pace:.2f}x, below real time"
            break
        if best is not None and not _grew(best, step):
            reason = f"{step.streams} at once did no more in all than {best.streams}"
            break
        best = step
    return Limit(
        recommended=0 if best is None else best.streams,
        realtime=int(max(step.throughput for step in ordered)),
        reason=reason,
        steps=tuple(ordered),
    )


def _grew(before: Step, after: Step) -> bool:
    possible = after.streams / before.streams - 1
    return after.throughput / before.throughput - 1 >= GROWTH * possible
