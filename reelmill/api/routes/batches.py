"""Batches: how they are doing. They are made and steered by ``reelmill batch`` and from Python."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any, Final

from fastapi import APIRouter, Path, Query
from pydantic import Field

from reelmill.api.errors import documented
from reelmill.api.naming import ApiModel, outside
from reelmill.api.routes.jobs import Admin
from reelmill.api.services import Site
from reelmill.api.texts import Text
from reelmill.catalogue.models import BatchState
from reelmill.dispatch import BatchStatus
from reelmill.queue.job import JobStatus

router: Final = APIRouter(prefix="/api/media/batches", tags=["batches"])

#: The most batches in a list: the server counts the jobs of each.
_MOST: Final = 50

BatchId = Annotated[Text, Path(alias="id", description="of the batch", examples=["kamoti"])]


class BatchItem(ApiModel):
    """The same job for every video that a filter chooses, and how far it has come."""

    id: str = Field(examples=["kamoti"])
    type: str = Field(examples=["reencode"])
    filter: str = Field(description="of videos", examples=["copy is missing and not made"])
    params: Mapping[str, Any] = Field(description="of every job, without its video")
    state: BatchState
    reason: str | None = Field(description="why it is paused, where no person did that")
    matched: int = Field(description="videos that the filter chose when the batch was made")
    submitted: int = Field(description="jobs of its own")
    folded: int = Field(description="videos whose same work was under way already")
    refused: int = Field(description="videos of which no job was taken")
    refusals: list[dict[str, str]] = Field(description="the first of them, with reasons")
    jobs: Mapping[JobStatus, int] = Field(description="its jobs by status")
    to_come: int = Field(description="videos that are yet to be handed in")
    seconds_left: float | None = Field(description="at its recent speed; null where too few jobs have ended to know")
    created_by: str
    created_at: datetime
    ended_at: datetime | None


class BatchItems(ApiModel):
    """Batches, the newest first."""

    data: list[BatchItem]


@router.get("", summary="Batches, the newest first", responses=documented(422))
def list_batches(services: Site, _caller: Admin, limit: Annotated[int, Query(ge=1, le=_MOST)] = 10) -> BatchItems:
    """The newest batches, and how they are doing."""
    return BatchItems(data=[batch_item(status) for status in services.dispatcher.batches.all(limit)])


@router.get("/{id}", summary="One batch", responses=documented(404, 422))
def read_batch(services: Site, _caller: Admin, batch_id: BatchId) -> BatchItem:
    """How a batch is doing; its jobs are `GET /api/media/jobs?batch=…`."""
    return batch_item(services.dispatcher.batches.status(batch_id))


def batch_item(status: BatchStatus) -> BatchItem:
    """A batch as the API shows it (pure)."""
    batch = status.batch
    return BatchItem(
        id=batch.id,
        type=batch.job_type,
        filter=batch.filter,
        params=outside(batch.parameters),
        state=BatchState(batch.state),
        reason=batch.reason,
        matched=batch.matched,
        submitted=batch.submitted,
        folded=batch.folded,
        refused=batch.refused,
        refusals=batch.refusals,
        jobs=status.jobs,
        to_come=status.to_come,
        seconds_left=status.seconds_left,
        created_by=batch.created_by,
        created_at=batch.created_at,
        ended_at=batch.ended_at,
    )
