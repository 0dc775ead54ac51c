"""What became of each job of a launch: an array of JSON, one object a job, and the sum of it."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from reelmill.errors import UserError
from reelmill.launch.plan import PlannedJob
from reelmill.launch.sender import BatchResult, Submission
from reelmill.storage import atomic_files


@dataclass(frozen=True)
class Summary:
    """A launch in numbers."""

    sent: int
    failed: int
    unsent: int
    seconds: float

    @property
    def rate(self) -> float:
        """Jobs a second that the site took."""
        return self.sent / self.seconds if self.seconds else 0.0


def summarise(jobs: Sequence[PlannedJob], results: Sequence[BatchResult], seconds: float) -> Summary:
    """The sum of a launch (pure).

    Args:
        jobs: all that were planned.
        results: of the batches so far.
        seconds: that it took.

    Returns:
        The numbers.
    """
    sent = sum(len(each.jobs) for each in results if each.error is None)
    failed = sum(len(each.jobs) for each in results if each.error is not None)
    return Summary(sent, failed, len(jobs) - sent - failed, seconds)


def records(jobs: Sequence[PlannedJob], results: Iterable[BatchResult]) -> Iterator[dict[str, Any]]:
    """One object for each job, in camelCase as the API has it (pure).

    Args:
        jobs: all that were planned.
        results: of the batches so far, which took jobs from the first on.

    Yields:
        The objects, in the order of the jobs.
    """
    number = 0
    for each in results:
        for place, job in enumerate(each.jobs):
            number += 1
            yield {
                **_planned(job),
                "submission": Submission.SENT if each.error is None else Submission.FAILED,
                "id": each.ids[place] if each.error is None else None,
                "status": each.statuses[place] if each.error is None else None,
                "error": each.error,
                "submittedAt": each.at.isoformat(),
                "batchSeconds": round(each.seconds, 3),
                "tries": each.tries,
            }
    for job in jobs[number:]:
        nothing = dict.fromkeys(("id", "status", "error", "submittedAt", "batchSeconds"))
        yield {**_planned(job), "submission": Submission.UNSENT, **nothing, "tries": 0}


def _planned(job: PlannedJob) -> dict[str, Any]:
    return {"number": job.number, **job.body, "lane": job.lane}


def require_writable(path: Path) -> None:
    """Check, before anything is sent, that results can be written.

    Raises:
        UserError: they cannot.
    """
    if path.is_dir():
        raise UserError(f"{path} is a folder; name a file for the results with --output.")
    if not os.access(path.parent, os.W_OK | os.X_OK):
        raise UserError(f"No results can be written to {path}; name another file with --output.")


def write_results(path: Path, jobs: Sequence[PlannedJob], results: Sequence[BatchResult]) -> None:
    """Write what became of each job, whole or not at all; in the place of an earlier launch's results."""
    lines = ",\n ".join(json.dumps(record) for record in records(jobs, results))
    atomic_files.write(path, f"[{lines}]\n")
