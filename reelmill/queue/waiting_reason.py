"""Why a job waits, in one sentence: a pure function over the job and the present state of its pool."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from reelmill.queue.job import AWAITING_SLOT, WAITING_FOR_VRAM, Job, JobStatus
from reelmill.queue.retry_policy import clock


@dataclass(frozen=True)
class WorkerNow:
    """One worker that is online."""

    name: str
    max_jobs: int | None  # None where it has not said
    active_jobs: int
    paused: str | None  # why it takes nothing new


@dataclass(frozen=True)
class PoolNow:
    """A work pool at this moment."""

    name: str
    limit: int | None
    active: int  # slots taken
    paused: bool
    paused_lanes: frozenset[str]
    workers: tuple[WorkerNow, ...]


def waiting_reason(job: Job, pool: PoolNow | None, now: datetime) -> str | None:
    """Why this job waits; None for one that does not.

    The reason in its own state comes first. Then what a person has stopped, because that does not pass by itself; then
    workers that are missing; and last what passes with time.

    Args:
        job: as ``job.job_view`` returns it.
        pool: its pool; None where the server has none of that name.
        now: the present, with its zone.

    Returns:
        Half a sentence, or None.
    """
    if not job.waits:
        return None
    if job.status is JobStatus.PAUSED:
        message = job.message or ""
        return _lower(message) if message.startswith("Paused by ") else "paused by an admin"
    if job.state == WAITING_FOR_VRAM:
        return job.message or f"{job.vram_mb} MB of VRAM needed"
    if job.retry_at is not None and job.retry_at > now:
        message = job.message or ""
        return _lower(message) if message.startswith("Retry ") else f"retry at {clock(job.retry_at)}"
    if pool is None:
        return "its pool is gone; `reelmill deploy` puts it back"
    if job.state == AWAITING_SLOT:
        return "its deployment runs as many at once as it may"
    if job.status is JobStatus.QUEUED:
        return "a worker is starting it"
    return _of_pool(job, pool)


def _of_pool(job: Job, pool: PoolNow) -> str:
    if pool.paused:
        return f"the pool {pool.name} is drained: it takes nothing new"
    if job.lane in pool.paused_lanes:
        return f"the lane {job.lane} is paused"
    if not pool.workers:
        return f"no worker online in the pool {pool.name}"
    paused = [worker for worker in pool.workers if worker.paused is not None]
    if len(paused) == len(pool.workers):
        return f"the worker {paused[0].name} takes nothing new: {paused[0].paused}"
    if pool.limit is not None and pool.active >= pool.limit:
        return f"pool full ({pool.active} of {pool.limit})"
    return _of_workers([worker for worker in pool.workers if worker.paused is None])


def _of_workers(workers: list[WorkerNow]) -> str:
    if all(worker.max_jobs is not None and worker.active_jobs >= worker.max_jobs for worker in workers):
        active = sum(worker.active_jobs for worker in workers)
        return f"every worker of the pool is busy ({active} of {sum(worker.max_jobs or 0 for worker in workers)})"
    return "next in line"


def _lower(message: str) -> str:
    return message[0].lower() + message[1:]
