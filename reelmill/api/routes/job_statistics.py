"""Jobs in numbers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Final

from fastapi import APIRouter, Query
from pydantic import Field

from reelmill.api.errors import documented
from reelmill.api.naming import ApiModel
from reelmill.api.routes.jobs import Admin
from reelmill.api.services import Site
from reelmill.dispatch import Budget, Statistics

router: Final = APIRouter(prefix="/api/media/jobs", tags=["jobs"])


class JobNumbers(ApiModel):
    """All jobs that are due, or were, in numbers; those that were archived among them."""

    pending: int
    queued: int = Field(description="a worker has it, and it has not begun")
    running: int
    completed: int
    failed: int
    paused: int
    cancelled: int
    dead_letters: int = Field(description="of the failed ones: out of retries")
    total_vram_used: int = Field(description="MB")
    total_vram_available: int = Field(description="MB that the site has, in use or not")
    average_processing_time: float | None = Field(
        description="seconds that a completed job of the last days ran; null where there was none"
    )
    jobs_by_type: Mapping[str, int]
    by_lane: Mapping[str, int] = Field(description="jobs that wait, over all pools")
    days: int = Field(description="that the average is of")


@router.get("/stats", summary="Jobs in numbers", responses=documented(422))
def read_statistics(services: Site, _caller: Admin, days: Annotated[int, Query(ge=1, le=365)] = 7) -> JobNumbers:
    """How many jobs there are of each status and type, how many wait in each lane, and the GPU memory of the site."""
    return job_numbers(services.dispatcher.reader.statistics(days), services.dispatcher.snapshot.now().vram)


def job_numbers(statistics: Statistics, vram: Sequence[Budget]) -> JobNumbers:
    """The numbers of a site (pure).

    Args:
        statistics: of its jobs.
        vram: of its GPUs.

    Returns:
        Both together.
    """
    mean = statistics.mean_seconds
    return JobNumbers(
        **{str(status): count for status, count in statistics.by_status.items()},
        dead_letters=statistics.dead_letters,
        total_vram_used=sum(budget.used_mb for budget in vram),
        total_vram_available=sum(budget.total_mb for budget in vram),
        average_processing_time=None if mean is None else round(mean, 3),
        jobs_by_type={name: sum(each.by_status.values()) for name, each in statistics.by_type.items()},
        by_lane=statistics.by_lane,
        days=statistics.days,
    )
