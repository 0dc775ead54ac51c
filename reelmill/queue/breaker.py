"""When a worker stops trusting its own node: pure state, moved by the ends of its jobs and by probes."""

from __future__ import annotations

from dataclasses import dataclass, replace

from reelmill.errors import FailureClass

#: Failures that are the node's rather than the job's: no encoder, a full disk, a library that is not mounted.
OWN_FAULT = frozenset({FailureClass.CAPABILITY, FailureClass.RESOURCE})

_LONGEST_WAIT = 32  # times the setting between two probes


@dataclass(frozen=True)
class Breaker:
    """Opens after ``limit`` jobs in a row that failed by the node's own fault."""

    limit: int
    failures: int = 0  # in a row
    reason: str | None = None  # while open: why
    trips: int = 0  # in a row, without one job that went well between

    @property
    def open(self) -> bool:
        """Whether the worker takes nothing new."""
        return self.reason is not None

    @property
    def patience(self) -> int:
        """How many times the setting lies between two probes: doubled each time it was closed too early."""
        return int(min(_LONGEST_WAIT, 2 ** max(0, self.trips - 1)))

    def ended(self, failure: FailureClass | None, message: str = "") -> Breaker:
        """After a job: ``failure`` is its class, None where it went well or was stopped by a person."""
        if failure not in OWN_FAULT:
            return replace(self, failures=0, trips=0) if failure is None else replace(self, failures=0)
        failures = self.failures + 1
        if failures < self.limit or self.open:
            return replace(self, failures=failures)
        return replace(
            self, failures=failures, reason=f"its last {failures} jobs failed: {message}", trips=self.trips + 1
        )

    def probed(self, trouble: str | None) -> Breaker:
        """After a probe of the node while open: closes where nothing is found, else has that as its reason."""
        if trouble is not None:
            return replace(self, reason=trouble)
        # The very next failure opens it again: a fault no probe can see must not eat the queue three jobs at a time.
        return replace(self, reason=None, failures=self.limit - 1)
