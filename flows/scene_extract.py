"""Job type ``scene_extract``: the scenes of a video."""

from __future__ import annotations

from flows.job import JOB, VideoName, job, workbench
from flows.result import show_result
from flows.site_flow import flow
from flows.task_runners import dask_runner, fan_out
from flows.video_names import same_video
from reelmill.operations.jobs import scene_extract as operation
from reelmill.operations.jobs.scene_extract import SceneResult


@flow(name="scene_extract", task_runner=dask_runner(), **JOB)
def scene_extract(video_id: VideoName, files: bool = False) -> SceneResult:
    """Find where scenes begin, to the frame, with an image of each and a contact sheet in `thumbnails/`.

    Args:
        video_id: Which video: its file name, path, title or id, such as `chaplin.mp4` or `inbox/chaplin.mp4`.
        files: Make a video of each scene, too, in `clips/`.
    """
    with job("scene_extract", video_id=video_id, files=files):
        video_id = same_video(video_id)
        return show_result(operation.scene_extract(workbench(), video_id, files=files, fan_out=fan_out))
