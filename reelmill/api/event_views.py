"""What happens on a site, as server-sent events (pure)."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime

from pydantic import Field

from reelmill.api.naming import ApiModel
from reelmill.dispatch import Node, NodeStatus, Progress
from reelmill.dispatch.snapshot import SiteNow
from reelmill.dispatch.tables.job_changes import Changes
from reelmill.queue.job import Job, JobStatus


class JobEvent(ApiModel):
    """A job that is in another state, or further on; the event ``job``."""

    id: uuid.UUID
    type: str
    status: JobStatus
    progress: float | None = Field(description="percent, 0 to 100; null: it has reported none")
    speed: float | None = Field(description="seconds of video a second")
    eta_seconds: float | None
    resource_category: str | None = Field(description="the pool")
    lane: str | None
    message: str | None
    started_at: datetime | None
    completed_at: datetime | None


class RemovedEvent(ApiModel):
    """A job that was cleared; the event ``removed``."""

    id: uuid.UUID


class LaneEvent(ApiModel):
    """A lane in which another number of jobs wait, or that was paused or resumed; the event ``lane``."""

    pool: str
    lane: str
    waiting: int
    paused: bool
    drained: bool = Field(description="its whole pool takes nothing new")


class NodeEvent(ApiModel):
    """A node that came, went, or does other work; the event ``node``."""

    name: str
    status: NodeStatus
    active_jobs: int
    max_jobs: int
    paused: tuple[str, ...] = Field(description="why workers that are online take nothing new")


def job_event(job: Job, progress: Progress | None) -> JobEvent:
    """A job as its event."""
    return JobEvent(
        id=job.public_id,
        type=job.type,
        status=job.status,
        progress=None if progress is None else round(100 * progress.fraction, 1),
        speed=None if progress is None else progress.speed,
        eta_seconds=None if progress is None else progress.eta_seconds,
        resource_category=job.pool,
        lane=job.lane,
        message=job.message,
        started_at=job.started,
        completed_at=job.ended,
    )


def site_events(now: SiteNow, before: SiteNow | None) -> Iterator[tuple[str, ApiModel]]:
    """The lanes and nodes that are not as they were.

    Args:
        now: the site.
        before: the same a while ago; None: every one of them is an event.

    Yields:
        The name of each event, and the event.
    """
    known = {} if before is None else {"lane": _lanes(before), "node": _nodes(before.nodes)}
    for name, present in (("lane", _lanes(now)), ("node", _nodes(now.nodes))):
        earlier: Mapping[object, ApiModel] = known.get(name, {})
        yield from ((name, event) for key, event in present.items() if earlier.get(key) != event)


def sent(events: Iterable[tuple[str, ApiModel]]) -> str:
    """Events as they are sent; they move no cursor."""
    return "".join(f"event: {name}\ndata: {event.model_dump_json()}\n\n" for name, event in events)


def sent_changes(changes: Changes) -> str:
    """Changes of jobs as they are sent.

    Only their end moves the cursor: whoever is cut off in the middle is sent all of them again.

    Args:
        changes: of one reading.

    Returns:
        The events. One named ``reload`` comes where more has changed than is sent: lists are to be read anew.
    """
    text = sent(("job", job_event(job, changes.progress.get(job.id))) for job in changes.jobs)
    text += sent(("removed", RemovedEvent(id=job_id)) for job_id in changes.removed)
    if not changes.complete:
        text += "event: reload\ndata: {}\n\n"
    return f"{text}id: {changes.cursor}\n\n" if text else ""


def _lanes(site: SiteNow) -> dict[object, ApiModel]:
    return {
        (pool.name, lane.name): LaneEvent(
            pool=pool.name, lane=lane.name, waiting=lane.waiting, paused=lane.paused, drained=pool.drained
        )
        for pool in site.pools
        for lane in pool.lanes
    }


def _nodes(nodes: Iterable[Node]) -> dict[object, ApiModel]:
    return {
        node.name: NodeEvent(
            name=node.name,
            status=node.status,
            active_jobs=node.active_jobs,
            max_jobs=node.max_jobs,
            paused=node.paused,
        )
        for node in nodes
    }
