"""The jobs of a launch, drawn at random: the same for the same seed, options and workers (pure)."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from reelmill.errors import CapabilityError
from reelmill.launch.options import LaunchOptions
from reelmill.launch.workers import LiveWorker, pool_for
from reelmill.queue.job import priority_of

JOB_TYPE: Final = "scenario"


@dataclass(frozen=True)
class PlannedJob:
    """One load test, before it is handed in."""

    number: int  # from 1
    scenario: str
    duration: int  # seconds
    bitrate: str
    engine: str
    lane: str
    pool: str

    @property
    def body(self) -> dict[str, Any]:
        """What is handed in, as the API takes it."""
        return {
            "type": JOB_TYPE,
            "params": {
                "name": self.scenario,
                "duration": self.duration,
                "bitrate": self.bitrate,
                "engine": self.engine,
            },
            "priority": priority_of(self.lane),
            "resourceCategory": self.pool,
        }


def draw_jobs(options: LaunchOptions, workers: Collection[LiveWorker], seed: int) -> list[PlannedJob]:
    """Draw the jobs of a launch; every scenario, lane and duration is as likely as every other.

    Args:
        options: what may be drawn.
        workers: that are online; only what they can encode is drawn.
        seed: of the drawing.

    Returns:
        The jobs, numbered from 1.

    Raises:
        CapabilityError: the workers can encode none of the scenarios.
    """
    pools = {each.name: pool_for(each, options.engine, workers) for each in options.scenarios}
    able = [(name, pool) for name, pool in pools.items() if pool is not None]
    if not able:
        what = options.scenarios[0].name if len(options.scenarios) == 1 else "any of the scenarios"
        raise CapabilityError(
            f"No live node can encode {what} with the engine {options.engine}; `reelmill nodes describe` lists what "
            "encoders a node has, which it publishes within a minute of coming up."
        )
    drawing = random.Random(seed)
    jobs = []
    for number in range(1, options.count + 1):
        scenario, pool = drawing.choice(able)
        duration, lane = drawing.randint(*options.durations), drawing.choice(options.lanes)
        jobs.append(PlannedJob(number, scenario, duration, options.bitrate, options.engine, lane, pool))
    return jobs


def batches(jobs: Sequence[PlannedJob], size: int) -> list[Sequence[PlannedJob]]:
    """The jobs in their order, so many at a time."""
    return [jobs[start : start + size] for start in range(0, len(jobs), size)]


def distribution(jobs: Sequence[PlannedJob]) -> Mapping[str, Mapping[str, int]]:
    """How many jobs there are of each kind: by scenario, lane and pool; the most first."""
    kinds = {
        "scenario": Counter(job.scenario for job in jobs),
        "lane": Counter(job.lane for job in jobs),
        "pool": Counter(job.pool for job in jobs),
    }
    return {kind: dict(counter.most_common()) for kind, counter in kinds.items()}
