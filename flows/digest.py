"""Job type ``digest``: the best stretches of a video, in story order."""

from __future__ import annotations

from typing import Annotated

from prefect import flow
from pydantic import Field

from flows.fan_out import dask_runner, fan_out
from flows.job import JOB, VideoId, job, show, workbench
from reelmill.operations import digest as operation
from reelmill.operations import previews
from reelmill.operations.digest import DigestResult


@flow(name="digest", task_runner=dask_runner(), **JOB)
def digest(
    video_id: VideoId,
    target_length: Annotated[float, Field(gt=0, le=3600)] = 60,
    include_highlights: bool = True,
) -> DigestResult:
    """Cut a video down to its best stretches: scored by motion, sharpness and sound, joined in story order.

    Args:
        video_id: Which video.
        target_length: How long the digest is, in seconds; a shorter video is taken whole.
        include_highlights: Take the best stretches; off, they are spread evenly over the scenes instead.
    """
    given = {"target_length": target_length, "include_highlights": include_highlights}
    with job("digest", video_id=video_id, **given):
        bench = workbench()
        result = operation.digest(
            bench, video_id, target_length=target_length, include_highlights=include_highlights, fan_out=fan_out
        )
        times = [segment.start for segment in result.segments]
        show(previews.strip(bench.root.path / result.source, times), f"what {result.path} is made of")
        return result
