"""Job type ``thumbnail_generate``: one frame of a video as an image, and on request one of every few seconds."""

from __future__ import annotations

from typing import Annotated

from prefect import task
from pydantic import Field

from flows.job import BRIEFLY_RETRIED, JOB, VideoName, job, workbench
from flows.result import show_result
from flows.site_flow import flow
from flows.video_names import same_video
from reelmill.operations.jobs import thumbnail_generate as operation
from reelmill.operations.jobs.thumbnail_generate import ThumbnailResult


@task(name="make thumbnail", **BRIEFLY_RETRIED)
def make_thumbnail(video_id: str, timestamp: float | None, width: int, storyboard: bool) -> ThumbnailResult:
    """Take the frame and publish it as an image."""
    return operation.thumbnail(workbench(), video_id, timestamp=timestamp, width=width, storyboard=storyboard)


@flow(name="thumbnail_generate", **JOB)
def thumbnail_generate(
    video_id: VideoName,
    timestamp: Annotated[float, Field(ge=0)] | None = None,
    width: Annotated[int, Field(ge=16, le=7680)] = 640,
    storyboard: bool = False,
) -> ThumbnailResult:
    """Make a JPEG of one moment of a video, upright and in true proportions, and make it the video's thumbnail.

    Args:
        video_id: Which video: its file name, path, title or id, such as `chaplin.mp4` or `inbox/chaplin.mp4`.
        timestamp: The moment, in seconds from the start, taken exactly; empty takes the keyframe nearest before 25 %.
        width: In pixels; the height follows.
        storyboard: Also make the small images that players show over their timeline: sheets of tiles and a WebVTT.
    """
    given = {"timestamp": timestamp, "width": width, "storyboard": storyboard}
    with job("thumbnail_generate", video_id=video_id, **given):
        video_id = same_video(video_id)
        return show_result(make_thumbnail(video_id, timestamp, width, storyboard))
