"""Job type ``highlight_generate``: the best moments of a video in one film."""

from __future__ import annotations

from typing import Annotated

from prefect import flow
from pydantic import Field

from flows.fan_out import dask_runner, fan_out
from flows.job import JOB, VideoId, job, show, workbench
from reelmill.operations import highlights as operation
from reelmill.operations import previews
from reelmill.operations.highlights import HighlightResult


@flow(name="highlight_generate", task_runner=dask_runner(), **JOB)
def highlight_generate(
    video_id: VideoId,
    length: Annotated[float, Field(gt=0, le=3600)] = 90,
) -> HighlightResult:
    """Make a film of the best moments of a video, faded into one another, its sound levelled, in `highlights/`.

    Args:
        video_id: Which video.
        length: How long the film is, in seconds; a shorter video is taken whole.
    """
    with job("highlight_generate", video_id=video_id, length=length):
        bench = workbench()
        result = operation.highlight_generate(bench, video_id, length=length, fan_out=fan_out)
        middles = [(moment.start + moment.end) / 2 for moment in result.moments]
        show(previews.strip(bench.root.path / result.source, middles), f"what {result.path} is made of")
        return result
