"""Job type ``digest``: the best segments of a video, in story order."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from flows.job import JOB, VideoName, job, workbench
from flows.result import show_result
from flows.site_flow import flow
from flows.task_runners import dask_runner, fan_out
from flows.video_names import same_video
from reelmill.operations.jobs import digest as operation
from reelmill.operations.jobs.digest import DigestResult


@flow(name="digest", task_runner=dask_runner(), **JOB)
def digest(
    video_id: VideoName,
    target_length: Annotated[float, Field(gt=0, le=3600)] = 60,
    include_highlights: bool = True,
) -> DigestResult:
    """Cut a video down to its best segments: scored by motion, sharpness and audio, joined in story order.

    Args:
        video_id: Which video: its file name, path, title or id, such as `chaplin.mp4` or `inbox/chaplin.mp4`.
        target_length: How long the digest is, in seconds; of a video no longer than that nothing is made.
        include_highlights: Take the best segments; off, they are spread evenly over the scenes instead.
    """
    given = {"target_length": target_length, "include_highlights": include_highlights}
    with job("digest", video_id=video_id, **given):
        video_id = same_video(video_id)
        result = operation.digest(
            workbench(), video_id, target_length=target_length, include_highlights=include_highlights, fan_out=fan_out
        )
        return show_result(result)
