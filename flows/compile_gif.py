"""Job type ``compile_gif``: a time range of a video as an animated GIF."""

from __future__ import annotations

from typing import Annotated

from prefect import task
from pydantic import Field

from flows.job import BRIEFLY_RETRIED, JOB, VideoName, job, workbench
from flows.result import show_result
from flows.site_flow import flow
from flows.video_names import same_video
from reelmill.operations.jobs import compile_gif as operation
from reelmill.operations.jobs.compile_gif import GifResult


@task(name="make GIF", **BRIEFLY_RETRIED)
def make_gif(video_id: str, start: float, duration: float, width: int, fps: int, max_mb: float) -> GifResult:
    """Encode, verify and publish."""
    return operation.compile_gif(
        workbench(), video_id, start=start, duration=duration, width=width, fps=fps, max_mb=max_mb
    )


@flow(name="compile_gif", **JOB)
def compile_gif(
    video_id: VideoName,
    start: Annotated[float, Field(ge=0)] = 0,
    duration: Annotated[float, Field(gt=0, le=60)] = 5,
    width: Annotated[int, Field(ge=16, le=1920)] = 480,
    fps: Annotated[int, Field(ge=1, le=50)] = 12,
    max_mb: Annotated[float, Field(gt=0, le=200)] = 8,
) -> GifResult:
    """Make an animated GIF of a time range of a video, upright and in true proportions, looping for ever, in `gifs/`.

    * What does not fit the size limit is made smaller and slower until it does; how much is logged.
    * The same range with the same settings is made once.

    Args:
        video_id: Which video: its file name, path, title or id, such as `chaplin.mp4` or `inbox/chaplin.mp4`.
        start: Where the range begins, in seconds.
        duration: How long it is, in seconds; it ends with the video.
        width: In pixels, at most, and never more than the video has; the height follows.
        fps: Frames a second, at most.
        max_mb: What the file may take, in megabytes.
    """
    given = {"start": start, "duration": duration, "width": width, "fps": fps, "max_mb": max_mb}
    with job("compile_gif", video_id=video_id, **given):
        video_id = same_video(video_id)
        return show_result(make_gif(video_id, start, duration, width, fps, max_mb))
