"""Job type ``clip_generate``: the best moments of a video, each a file of its own."""

from __future__ import annotations

from typing import Annotated

from prefect import flow
from pydantic import Field

from flows.fan_out import dask_runner, fan_out
from flows.job import JOB, VideoId, job, show, workbench
from reelmill.operations import clips as operation
from reelmill.operations import previews
from reelmill.operations.clips import ClipsResult


@flow(name="clip_generate", task_runner=dask_runner(), **JOB)
def clip_generate(
    video_id: VideoId,
    count: Annotated[int, Field(ge=1, le=100)] = 5,
    length: Annotated[float, Field(gt=0, le=600)] = 15,
) -> ClipsResult:
    """Cut the best moments out of a video, each into a file of its own in `clips/`.

    Args:
        video_id: Which video.
        count: How many clips; fewer where the video is too short for so many.
        length: How long each is, in seconds; a shorter video is taken whole.
    """
    with job("clip_generate", video_id=video_id, count=count, length=length):
        bench = workbench()
        result = operation.clip_generate(bench, video_id, count=count, length=length, fan_out=fan_out)
        middles = [(clip.start + clip.end) / 2 for clip in result.clips]
        show(previews.strip(bench.root.path / result.source, middles), f"the clips of {result.source}")
        return result
