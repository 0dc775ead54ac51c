"""Job type ``highlight_generate``: the best moments of a video in one film."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from flows.job import JOB, VideoName, job, workbench
from flows.result import show_result
from flows.site_flow import flow
from flows.task_runners import dask_runner, fan_out
from flows.video_names import same_video
from reelmill.operations.jobs import highlight_generate as operation
from reelmill.operations.jobs.highlight_generate import HighlightResult


@flow(name="highlight_generate", task_runner=dask_runner(), **JOB)
def highlight_generate(
    video_id: VideoName,
    length: Annotated[float, Field(gt=0, le=3600)] = 90,
) -> HighlightResult:
    """Make a film of the best moments of a video, faded into one another, its audio levelled, in `highlights/`.

    Args:
        video_id: Which video: its file name, path, title or id, such as `chaplin.mp4` or `inbox/chaplin.mp4`.
        length: How long the film is, in seconds; of a video no longer than that nothing is made.
    """
    with job("highlight_generate", video_id=video_id, length=length):
        video_id = same_video(video_id)
        return show_result(operation.highlight_generate(workbench(), video_id, length=length, fan_out=fan_out))
