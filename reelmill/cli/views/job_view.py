"""Jobs as the command line shows them."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

import typer

from reelmill.cli.views.output import print_record, print_table
from reelmill.cli.views.times import ago, local, with_ago
from reelmill.queue.job import Job, JobStatus
from reelmill.wording import beginnings

if TYPE_CHECKING:
    from reelmill.catalogue.models import AuditEntry
    from reelmill.dispatch import Progress

_HEADER: Final = ("id", "job", "status", "lane", "since", "note")
_WHOLE: Final = ("id", "status", "lane", "since")

#: Where a shown id may end: Prefect's ids begin with the time, so that a few digits are the same for many.
_LENGTHS: Final = (13, 18, 23)


def short_ids(ids: Sequence[uuid.UUID]) -> dict[uuid.UUID, str]:
    """The shortest beginnings, all of one length, that tell these ids apart (pure)."""
    return dict(zip(ids, beginnings(list(map(str, ids)), _LENGTHS), strict=True))


def job_name(job: Job) -> str:
    """What a person calls a job: its type, and its run's name where that holds more."""
    return job.name if job.name.partition(" ")[0] == job.type else f"{job.type} {job.name}"


def note(job: Job) -> str:
    """Why it waits, or what came of it."""
    if job.waiting_reason is not None:
        return job.waiting_reason
    if job.not_due:
        return f"due {ago(job.scheduled)}"
    return job.message or ""


def print_jobs(jobs: Sequence[Job], progress: Mapping[uuid.UUID, Progress] | None = None) -> None:
    """A row for each job."""
    shown = short_ids([job.public_id for job in jobs])
    rows = [
        (shown[job.public_id], job_name(job), _status(job, progress or {}), job.lane, ago(_since(job)), note(job))
        for job in jobs
    ]
    print_table(_HEADER, rows, whole=_WHOLE)


def print_in_full(
    jobs: Sequence[Job], progress: Mapping[uuid.UUID, Progress], deeds: Mapping[uuid.UUID, Sequence[AuditEntry]]
) -> None:
    """Everything known of each of these jobs."""
    for number, job in enumerate(jobs):
        if number:
            typer.echo("")
        _print_job(job, progress.get(job.id))
        print_record([(f"  {local(entry.at)}", _deed(entry)) for entry in reversed(deeds.get(job.id, ()))])


def _print_job(job: Job, progress: Progress | None) -> None:
    """Everything known of one job."""
    place = f"{job.pool}, lane {job.lane} (priority {job.priority})" if job.pool is not None else None
    print_record(
        [
            ("id", job.public_id),
            ("job", job_name(job)),
            ("status", f"{job.status} ({job.state})"),
            ("progress", f"{progress.fraction:.0%} {progress.text}" if progress and not job.over else None),
            ("note", note(job)),
            ("pool", place),
            ("VRAM", f"{job.vram_mb} MB" if job.vram_mb else None),
            ("retries", f"{job.retries} of {job.max_retries}" + (", out of retries" if job.dead_letter else "")),
            ("failure", job.failure_class),
            ("submitted", with_ago(job.created)),
            ("started", with_ago(job.started)),
            ("ended", with_ago(job.ended)),
            ("took", None if job.seconds is None else f"{job.seconds:.1f} s"),
            *((f"  {name}", value) for name, value in job.parameters.items()),
            ("tags", ", ".join(job.tags)),
        ]
    )


def _deed(entry: AuditEntry) -> str:
    return f"{entry.action} by {entry.actor}" + (f": {entry.reason}" if entry.reason else "")


def entry_json(entry: AuditEntry) -> dict[str, Any]:
    """An entry of the audit for programs: its columns."""
    return {name: getattr(entry, name) for name in type(entry).model_fields}


def job_json(job: Job, progress: Progress | None = None) -> dict[str, Any]:
    """A job for programs: the fields of ``Job``, its public id as ``id``, with how long it took and how far it is."""
    fields = {name: getattr(job, name) for name in job.__dataclass_fields__ if name != "public_id"}
    return {
        **fields,
        "id": job.public_id,
        "run_id": job.id,
        "seconds": job.seconds,
        "over": job.over,
        "progress": None if job.over else progress,
    }


def jobs_json(jobs: Iterable[Job], progress: Mapping[uuid.UUID, Progress] | None = None) -> list[dict[str, Any]]:
    """Jobs for programs."""
    return [job_json(job, (progress or {}).get(job.id)) for job in jobs]


def _status(job: Job, progress: Mapping[uuid.UUID, Progress]) -> str:
    done = progress.get(job.id)
    if job.status is JobStatus.RUNNING and done is not None:
        return f"{job.status} {done.fraction:.0%}"
    return f"{job.status}, out of retries" if job.dead_letter else str(job.status)


def _since(job: Job) -> Any:
    return job.ended or (job.started if job.status is JobStatus.RUNNING else None) or job.created
