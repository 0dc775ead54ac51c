"""Job type ``tag_generation``: words for a video."""

from __future__ import annotations

from flows.job import JOB, VideoName, job, workbench
from flows.result import show_result
from flows.site_flow import flow
from flows.task_runners import dask_runner, fan_out
from flows.video_names import same_video
from reelmill.operations.jobs import tag_generation as operation
from reelmill.operations.jobs.tag_generation import TagResult


@flow(name="tag_generation", task_runner=dask_runner(), **JOB)
def tag_generation(video_id: VideoName) -> TagResult:
    """Find words for a video: its format, pace, light, colours, faces and audio.

    * What a model recognises is added where a node has one (REELMILL_MODELS).
    * A person's tags are never touched.

    Args:
        video_id: Which video: its file name, path, title or id, such as `chaplin.mp4` or `inbox/chaplin.mp4`.
    """
    with job("tag_generation", video_id=video_id):
        video_id = same_video(video_id)
        return show_result(operation.tag_generation(workbench(), video_id, fan_out=fan_out))
