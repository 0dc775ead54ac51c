"""Job type ``thumbnail_generate``: one picture of a video, and on request one of every few seconds."""

from __future__ import annotations

from typing import Annotated

from prefect import flow, task
from pydantic import Field

from flows.job import BRIEFLY_RETRIED, JOB, VideoId, job, show, workbench
from reelmill.operations import previews
from reelmill.operations import thumbnail as operation
from reelmill.operations.thumbnail import ThumbnailResult


@task(name="make thumbnail", **BRIEFLY_RETRIED)
def make_thumbnail(video_id: str, timestamp: float | None, width: int, storyboard: bool) -> ThumbnailResult:
    """Take the picture, keep it, and show it on the run's page."""
    bench = workbench()
    result = operation.thumbnail(bench, video_id, timestamp=timestamp, width=width, storyboard=storyboard)
    show(previews.of_picture(bench.root.path / result.path), f"{result.source} at {result.at:.2f} s")
    board = result.storyboard
    if board is not None:
        show(
            previews.of_picture(bench.root.path / board.sheets[0]),
            f"{board.tiles} tiles, one every {board.interval:g} s",
        )
    return result


@flow(name="thumbnail_generate", **JOB)
def thumbnail_generate(
    video_id: VideoId,
    timestamp: Annotated[float, Field(ge=0)] | None = None,
    width: Annotated[int, Field(ge=16, le=7680)] = 640,
    storyboard: bool = False,
) -> ThumbnailResult:
    """Make a JPEG of one moment of a video, upright and in true proportions, and make it the video's thumbnail.

    Args:
        video_id: Which video.
        timestamp: The moment, in seconds from the start, taken exactly; empty takes the keyframe nearest before 25 %.
        width: In pixels; the height follows.
        storyboard: Also make the small pictures that players show over their timeline: sheets of tiles and a WebVTT.
    """
    given = {"timestamp": timestamp, "width": width, "storyboard": storyboard}
    with job("thumbnail_generate", video_id=video_id, **given):
        return make_thumbnail(video_id, timestamp, width, storyboard)
