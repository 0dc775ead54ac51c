"""What the demo makes of a library: pure."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from rich.progress import TaskID

from reelmill.catalogue.models import Video
from reelmill.queue.job import Job, JobStatus

#: Seconds that a grid lasts at least, where four videos do: it ends with the shortest of them.
GRID_SECONDS: Final = 5.0
_CELLS: Final = 4
#: Seconds of a digest: a third of the video, within these where that leaves anything out.
_SHORTEST_DIGEST, _LONGEST_DIGEST = 5.0, 60.0


@dataclass
class Stage:
    """One kind of job of the demo, with all its runs."""

    job_type: str
    parameters: list[dict[str, Any]]
    ids: list[uuid.UUID] = field(default_factory=list)
    jobs: list[Job] = field(default_factory=list)
    bar: TaskID | None = None

    @property
    def failed(self) -> list[Job]:
        """Its jobs that did not complete."""
        return [job for job in self.jobs if job.status is not JobStatus.COMPLETED]


def stages(valid: Sequence[Video]) -> list[Stage]:
    """What is made of the valid videos of a library."""
    ids = [str(video.id) for video in valid]
    planned = [
        Stage("thumbnail_generate", [{"video_id": id_} for id_ in ids]),
        Stage("reencode", [{"video_id": id_, "preset": "veryfast"} for id_ in ids]),
    ]
    if len(valid) >= _CELLS:
        planned.append(Stage("compile_quad", [{"video_ids": [str(video.id) for video in grid_of(valid)]}]))
    if valid:
        longest = max(valid, key=_seconds)
        length = digest_length(_seconds(longest))
        planned.append(Stage("digest", [{"video_id": str(longest.id), "target_length": length}]))
    return [stage for stage in planned if stage.parameters]


def grid_of(valid: Sequence[Video]) -> list[Video]:
    """Four videos whose grid is short, yet long enough to be looked at."""
    by_length = sorted(valid, key=_seconds)
    long_enough = [video for video in by_length if _seconds(video) >= GRID_SECONDS]
    return long_enough[:_CELLS] if len(long_enough) >= _CELLS else by_length[-_CELLS:]


def digest_length(seconds: float) -> float:
    """How long the digest of a video of so many seconds is."""
    return min(_LONGEST_DIGEST, max(min(_SHORTEST_DIGEST, seconds / 2), seconds / 3)) or 1.0


def _seconds(video: Video) -> float:
    return video.duration or 0.0
