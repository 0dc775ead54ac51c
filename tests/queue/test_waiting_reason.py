from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from reelmill.queue.job import RunFacts, job_view
from reelmill.queue.retry_policy import clock
from reelmill.queue.waiting_reason import PoolNow, WorkerNow, waiting_reason
from tests.queue.facts import NOW, RUN

FREE = WorkerNow("vm-gpu_encode", max_jobs=2, active_jobs=0, paused=None)
POOL = PoolNow("gpu_encode", limit=2, active=0, paused=False, paused_lanes=frozenset(), workers=(FREE,))
SOON = NOW + timedelta(minutes=2)


def _run(state_type: str = "SCHEDULED", name: str = "Scheduled", **other: object) -> RunFacts:
    return replace(RUN, state_type=state_type, state_name=name, **other)  # type: ignore[arg-type]


FULL = replace(POOL, active=2)
DRAINED = replace(FULL, paused=True)
LANE = replace(FULL, paused_lanes=frozenset({"batch-low"}))
BUSY = replace(FREE, active_jobs=2)
SHY = replace(FREE, paused="the disk is 98 % full")
MUTE = replace(FREE, max_jobs=None)


@pytest.mark.parametrize(
    ("run", "pool", "expected"),
    [
        (_run(), POOL, "next in line"),
        (_run(name="Late"), POOL, "next in line"),
        (_run(), FULL, "pool full (2 of 2)"),
        (_run(), DRAINED, "the pool gpu_encode is drained: it takes nothing new"),
        (_run(), LANE, "the lane batch-low is paused"),
        (_run(lane="idle"), LANE, "pool full (2 of 2)"),
        (_run(), replace(POOL, workers=()), "no worker online in the pool gpu_encode"),
        (_run(), replace(POOL, workers=(BUSY, BUSY)), "every worker of the pool is busy (4 of 4)"),
        (_run(), replace(POOL, workers=(BUSY, SHY)), "every worker of the pool is busy (2 of 2)"),
        (_run(), replace(POOL, workers=(BUSY, FREE)), "next in line"),
        (_run(), replace(POOL, workers=(BUSY, MUTE)), "next in line"),
        (_run(), replace(POOL, workers=(SHY,)), "the worker vm-gpu_encode takes nothing new: the disk is 98 % full"),
        (_run(), None, "its pool is gone; `reelmill deploy` puts it back"),
        (_run("PENDING", "Pending"), FULL, "a worker is starting it"),
        (_run("PENDING", "Submitting"), FULL, "a worker is starting it"),
        (_run(name="AwaitingConcurrencySlot"), FULL, "its deployment runs as many at once as it may"),
        (
            _run("PENDING", "WaitingForVram", message="8000 MB of VRAM needed and 6000 free on gpu0"),
            DRAINED,
            "8000 MB of VRAM needed and 6000 free on gpu0",
        ),
        (_run("PENDING", "WaitingForVram"), POOL, "4000 MB of VRAM needed"),
        (_run("PAUSED", "Suspended"), DRAINED, "paused by an admin"),
        (
            _run(name="AwaitingRetry", scheduled=SOON, message="Retry 2 of 3 at 10:42:00: disk full"),
            DRAINED,
            "retry 2 of 3 at 10:42:00: disk full",
        ),
        (_run(name="AwaitingRetry", scheduled=SOON), POOL, f"retry at {clock(SOON)}"),
        (_run(name="AwaitingRetry", message="Retry 2 of 3 at 10:42:00: disk full"), FULL, "pool full (2 of 2)"),
        (_run(scheduled=NOW + timedelta(hours=1)), POOL, None),
        (_run("RUNNING", "Running"), POOL, None),
        (_run("CANCELLING", "Cancelling"), POOL, None),
        (_run("COMPLETED", "Completed"), POOL, None),
        (_run("FAILED", "Failed"), POOL, None),
        (_run("CRASHED", "Crashed"), POOL, None),
        (_run("CANCELLED", "Cancelled"), POOL, None),
    ],
)
def test_why_a_job_waits_is_one_sentence(run: RunFacts, pool: PoolNow | None, expected: str | None) -> None:
    assert waiting_reason(job_view(run, NOW, max_retries=3), pool, NOW) == expected
