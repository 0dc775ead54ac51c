"""Job type ``clip_generate``: the best moments of a video, each a file of its own."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from flows.job import JOB, VideoName, job, workbench
from flows.result import show_result
from flows.site_flow import flow
from flows.task_runners import dask_runner, fan_out
from flows.video_names import same_video
from reelmill.operations.jobs import clip_generate as operation
from reelmill.operations.jobs.clip_generate import ClipsResult


@flow(name="clip_generate", task_runner=dask_runner(), **JOB)
def clip_generate(
    video_id: VideoName,
    count: Annotated[int, Field(ge=1, le=100)] = 5,
    length: Annotated[float, Field(gt=0, le=600)] = 15,
) -> ClipsResult:
    """Cut the best moments out of a video, each into a file of its own in `clips/`.

    Args:
        video_id: Which video: its file name, path, title or id, such as `chaplin.mp4` or `inbox/chaplin.mp4`.
        count: How many clips; fewer where the video is too short for so many.
        length: How long each is, in seconds; a shorter video is taken whole.
    """
    with job("clip_generate", video_id=video_id, count=count, length=length):
        video_id = same_video(video_id)
        result = operation.clip_generate(workbench(), video_id, count=count, length=length, fan_out=fan_out)
        return show_result(result)
