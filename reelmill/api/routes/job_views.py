"""Jobs as the API shows them (pure)."""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, Final

from pydantic import Field

from reelmill.api.naming import ApiModel, outside
from reelmill.api.pagination import Pagination
from reelmill.dispatch import LogLine, Progress
from reelmill.dispatch.tables.job_values import JobDetail, JobList
from reelmill.dispatch.tables.timeline import Phase, TimelineSegment
from reelmill.errors import FailureClass
from reelmill.queue.job import Job, JobStatus

#: Bytes of the end of a log that a job's page shows; all of it is at its ``log.txt``.
LOG_BYTES: Final = 10_240

_FIELD: Final = re.compile("[a-z][a-z0-9_]*")


class JobItem(ApiModel):
    """One job in a list."""

    id: uuid.UUID = Field(description="the job keeps it, whatever lane it is moved to")
    name: str
    type: str = Field(examples=["reencode"])
    status: JobStatus
    progress: float = Field(description="percent, 0 to 100", ge=0, le=100)
    resource_category: str | None = Field(description="the pool", examples=["gpu_encode"])
    vram_required: int = Field(description="GPU memory in MB")
    priority: int | None = Field(description="1 (first) to 10")
    lane: str | None = Field(examples=["default-medium"])
    params: dict[str, Any] = Field(examples=[{"videoId": "chaplin.mp4", "crf": 20}])
    failure_class: FailureClass | None = Field(description="whose trouble the last failure was")
    waiting_reason: str | None = Field(description="why it waits", examples=["pool full (4 of 4)"])
    created_at: datetime | None
    started_at: datetime | None
    completed_at: datetime | None = Field(description="when it was over, however it ended")


class JobsPage(ApiModel):
    """Some jobs, the newest first."""

    data: list[JobItem]
    pagination: Pagination


class TimelineItem(ApiModel):
    """One thing that a job did, from one moment to another."""

    what: Phase
    start: datetime
    end: datetime | None = Field(description="null: it still does")
    seconds: float


class JobPage(JobItem):
    """All there is to know of one job."""

    message: str | None = Field(description="of its state: the reason, where it failed")
    log: str = Field(description="its end, at most 10 KB; all of it is at `log.txt`")
    retry_count: int = Field(description="how often it was tried again, by itself or by hand")
    max_retries: int = Field(description="how often it is tried again by itself")
    retry_after: datetime | None = Field(description="when it is tried again")
    dead_letter: bool = Field(description="it is out of retries")
    queue_position: int | None = Field(description="1: it is next; null: it does not wait in a lane")
    result: dict[str, Any] | None = Field(
        description="what came of it: `inputPath`, `outputPath`, `size` and what else its type reports",
        examples=[{"inputPath": "inbox/chaplin.mp4", "outputPath": "playback/chaplin.mp4", "size": 1048576}],
    )
    replaces: uuid.UUID | None = Field(description="the flow run that stood for it before its lane was changed")
    replaced_by: uuid.UUID | None
    timeline: list[TimelineItem]
    speed: float | None = Field(description="seconds of video a second, while it encodes")
    eta_seconds: float | None = Field(description="seconds that are left")


class LogLineItem(ApiModel):
    """One line of a log."""

    time: datetime
    level: str = Field(examples=["INFO"])
    text: str


class LogLines(ApiModel):
    """Some lines of a log."""

    lines: list[LogLineItem]
    cursor: str = Field(description="hand it back as `after` for the lines that come after these")
    complete: bool = Field(description="no more lines were there")


def percent(job: Job, progress: Progress | None) -> float:
    """How far a job is, 0 to 100."""
    if job.status is JobStatus.COMPLETED:
        return 100.0
    return 0.0 if progress is None else round(100 * min(1.0, max(0.0, progress.fraction)), 1)


def job_item(job: Job, progress: Progress | None) -> JobItem:
    """A job in a list."""
    return JobItem(**_fields(job, progress))


def jobs_page(found: JobList, progress: Mapping[uuid.UUID, Progress]) -> JobsPage:
    """A page of jobs.

    Args:
        found: the jobs.
        progress: of those of them that report any, by ``Job.id``.

    Returns:
        The page.
    """
    where = Pagination(page=found.page, limit=found.size, total=found.total, total_pages=found.pages, next=found.next)
    return JobsPage(data=[job_item(job, progress.get(job.id)) for job in found.jobs], pagination=where)


def job_page(detail: JobDetail, lines: Iterable[LogLine], result: Mapping[str, Any] | None) -> JobPage:
    """All there is to know of one job.

    Args:
        detail: the job.
        lines: of its log, the last ones.
        result: of its last run, as its flow returned it.

    Returns:
        The job's page.
    """
    job, progress = detail.job, detail.progress
    return JobPage(
        **_fields(job, progress),
        message=job.message,
        log=log_end(lines),
        retry_count=retry_count(detail.timeline),
        max_retries=job.max_retries,
        retry_after=job.retry_at,
        dead_letter=job.dead_letter,
        queue_position=detail.queue_position,
        result=None if result is None else job_result(result),
        replaces=detail.replaces,
        replaced_by=detail.replaced_by,
        timeline=[TimelineItem.model_validate(segment, from_attributes=True) for segment in detail.timeline],
        speed=progress.speed if progress is not None and not job.over else None,
        eta_seconds=progress.eta_seconds if progress is not None and not job.over else None,
    )


def retry_count(timeline: Iterable[TimelineSegment]) -> int:
    """How often a job was tried again: it waits for that right after it was over, or after nothing at all.

    Args:
        timeline: of the job.

    Returns:
        The number; a pause within such a wait is not counted.
    """
    count, over_at = 0, None
    for segment in timeline:
        count += segment.what is Phase.RETRYING and segment.start != over_at
        over_at = segment.end
    return count


def log_line(line: LogLine) -> str:
    """A line of a log as text."""
    return f"{line.time:%Y-%m-%d %H:%M:%S} {line.level:<7} {line.text}"


def log_end(lines: Iterable[LogLine]) -> str:
    """The end of a log as text of at most ``LOG_BYTES``, from the beginning of a line on where that is possible."""
    text = "\n".join(map(log_line, lines)).encode(errors="replace")
    if len(text) <= LOG_BYTES:
        return text.decode()
    end = text[-LOG_BYTES:]
    _, newline, whole_lines = end.partition(b"\n")
    return (whole_lines if newline else end).decode(errors="ignore")


def job_result(result: Mapping[str, Any]) -> dict[str, Any]:
    """A flow's result as the API shows it: its own fields, and two that all job types have in common.

    Args:
        result: as the flow returned it, as JSON.

    Returns:
        Its fields in camelCase; ``inputPath`` where it is of one file, ``outputPath`` where it made one.
    """
    source, path = result.get("source") or result.get("previous"), result.get("path")
    paths = {"input_path": source, "output_path": path if path != source else None}
    named: dict[str, Any] = _outside({**{name: path for name, path in paths.items() if path is not None}, **result})
    return named


def _outside(value: Any) -> Any:
    if isinstance(value, Mapping):  # whose keys are names of fields, or paths, which stay as they are
        named = all(_FIELD.fullmatch(name) for name in value)
        return {name: _outside(item) for name, item in (outside(value) if named else value).items()}
    return [_outside(item) for item in value] if isinstance(value, list) else value


def _fields(job: Job, progress: Progress | None) -> dict[str, Any]:
    return {
        "id": job.public_id,
        "name": job.name,
        "type": job.type,
        "status": job.status,
        "progress": percent(job, progress),
        "resource_category": job.pool,
        "vram_required": job.vram_mb,
        "priority": job.priority,
        "lane": job.lane,
        "params": outside(job.parameters),
        "failure_class": job.failure_class,
        "waiting_reason": job.waiting_reason,
        "created_at": job.created,
        "started_at": job.started,
        "completed_at": job.ended,
    }
