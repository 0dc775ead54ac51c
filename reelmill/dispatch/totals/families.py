"""What is kept of ended jobs, by the names that metrics have; and why each of these is what it is.

* A **counter** only rises, and a rate of it means something: what has ended, what was transferred. Runs can be
  cleared, archived, or sent back by hand after they failed, so a count of those that the server holds would go down;
  Prometheus takes that for a restart and counts everything anew. These totals are kept in the catalogue, where each
  ending of a job is added once (``tally``): they survive restarts and cleared runs, and two processes of the API give
  the same.
* A **gauge** is how things are now: what waits and runs, memory, nodes. ``media_jobs_completed_by_engine`` has the
  name of a gauge by Prometheus's convention and is one, although its value only rises.
* A **histogram** is made of such counters, one for each bucket.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True)
class Family:
    """One metric that totals in the catalogue are kept of."""

    name: str
    documentation: str
    labels: tuple[str, ...] = ()
    bounds: tuple[float, ...] = ()  # upper ones of the buckets of a histogram; empty: it is none

    @property
    def sum(self) -> str:
        """The total of a histogram's values."""
        return f"{self.name}_sum"

    def bucket(self, value: float) -> str:
        """The upper bound of the bucket that a value belongs to, as a label; ``+Inf`` beyond the last."""
        return next((f"{bound:g}" for bound in self.bounds if value <= bound), "+Inf")


#: From a check of one file to a day's encode.
_SECONDS: Final = (1, 5, 15, 60, 180, 600, 1800, 3600, 10_800, 21_600, 86_400)

JOBS: Final = Family("media_jobs_total", "Jobs that have ended, by how", ("type", "status"))
RETRIES: Final = Family("media_job_retries_total", "Times a job was tried again by the retry rule", ("type",))
DEAD_LETTERS: Final = Family("media_jobs_dead_lettered_total", "Jobs that ran out of retries", ("type",))
BY_ENGINE: Final = Family("media_jobs_completed_by_engine", "Completed jobs that encoded, by what encoded", ("engine",))
ENCODE_BYTES: Final = Family("media_encode_bytes_total", "Bytes that encodes read and made", ("direction",))

DURATION: Final = Family(
    "media_job_duration_seconds",
    "How long a job ran, all tries since it was last sent back by hand",
    ("type",),
    _SECONDS,
)
WAIT: Final = Family(
    "media_job_wait_seconds", "From when a job was due, or sent back by hand, to its start", ("type",), _SECONDS
)
SPEED: Final = Family(
    "media_encode_speed_ratio", "Seconds of video made per second", ("engine",),
    (0.1, 0.25, 0.5, 1, 2, 4, 8, 16, 32, 64),
)  # fmt: skip
#: Below 80 a viewer sees it at once, above 95 hardly ever: the buckets are narrow where encodes differ.
VMAF: Final = Family(
    "media_encode_vmaf_score", "How close a copy looks to its source, 0 to 100", (),
    (50, 60, 70, 80, 85, 90, 92, 94, 96, 98, 100),
)  # fmt: skip
JOULES: Final = Family(
    "media_encode_energy_joules", "Energy of the whole node during a job's encodes", ("engine",),
    (100, 300, 1000, 3000, 10_000, 30_000, 100_000, 300_000, 1_000_000),
)  # fmt: skip

HISTOGRAMS: Final[Sequence[Family]] = (DURATION, WAIT, SPEED, VMAF, JOULES)
COUNTERS: Final[Sequence[Family]] = (JOBS, RETRIES, DEAD_LETTERS, ENCODE_BYTES)
