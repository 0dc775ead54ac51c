"""Jobs as they are read: a page of them, and one with all there is to know."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from typing import Any

from reelmill.dispatch.runs.reading import Progress
from reelmill.dispatch.tables.timeline import TimelineSegment
from reelmill.queue.job import Job


@dataclass(frozen=True)
class JobList:
    """Some of the jobs that a filter chooses, the newest first."""

    jobs: list[Job]
    page: int  # 1 is the first
    size: int
    total: int  # jobs on all pages
    pages: int
    next: str | None  # cursor of what follows, whatever comes in meanwhile; None: nothing does


@dataclass(frozen=True)
class JobRows:
    """The same, uncounted."""

    jobs: list[Job]
    next: str | None  # as of ``JobList``


@dataclass(frozen=True)
class JobDetail:
    """One job with all there is to know of it but its log."""

    job: Job
    progress: Progress | None
    timeline: list[TimelineSegment]  # over all its runs
    queue_position: int | None  # 1: it is next; None: it does not wait in a lane
    replaces: uuid.UUID | None  # the run before this one
    replaced_by: uuid.UUID | None  # the run that stands for the job now, where this one does not


@dataclass(frozen=True)
class ResultItems:
    """Some of the items of a job's result."""

    total: int  # items there are
    items: tuple[dict[str, Any], ...]  # in the order of the result
