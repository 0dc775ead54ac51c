"""Job type ``compile_gif``: a stretch of a video as an animated GIF."""

from __future__ import annotations

from typing import Annotated

from prefect import flow, task
from pydantic import Field

from flows.job import BRIEFLY_RETRIED, JOB, VideoId, job, show, workbench
from reelmill.operations import gif as operation
from reelmill.operations import previews
from reelmill.operations.gif import GifResult


@task(name="make gif", **BRIEFLY_RETRIED)
def make_gif(video_id: str, start: float, duration: float, width: int, fps: int, max_mb: float) -> GifResult:
    """Encode, verify, keep it, and show a picture of it on the run's page."""
    bench = workbench()
    result = operation.compile_gif(bench, video_id, start=start, duration=duration, width=width, fps=fps, max_mb=max_mb)
    show(previews.of_video(bench.root.path / result.path, result.duration / 2), f"{result.path}, half-way")
    return result


@flow(name="compile_gif", **JOB)
def compile_gif(
    video_id: VideoId,
    start: Annotated[float, Field(ge=0)] = 0,
    duration: Annotated[float, Field(gt=0, le=60)] = 5,
    width: Annotated[int, Field(ge=16, le=1920)] = 480,
    fps: Annotated[int, Field(ge=1, le=50)] = 12,
    max_mb: Annotated[float, Field(gt=0, le=200)] = 8,
) -> GifResult:
    """Make an animated GIF of a stretch of a video, upright and in true proportions, looping for ever, in `gifs/`.

    What does not fit the size limit is made smaller and slower until it does; the log says how much. The same stretch
    with the same settings is made once.

    Args:
        video_id: Which video.
        start: Where the stretch begins, in seconds.
        duration: How long it is, in seconds; it ends with the video.
        width: In pixels, at most, and never more than the video has; the height follows.
        fps: Pictures a second, at most.
        max_mb: What the file may take, in megabytes.
    """
    given = {"start": start, "duration": duration, "width": width, "fps": fps, "max_mb": max_mb}
    with job("compile_gif", video_id=video_id, **given):
        return make_gif(video_id, start, duration, width, fps, max_mb)
