"""Job type ``scene_extract``: the scenes of a video."""

from __future__ import annotations

from prefect import flow

from flows.fan_out import dask_runner, fan_out
from flows.job import JOB, VideoId, job, show, workbench
from reelmill.operations import previews
from reelmill.operations import scene_extract as operation
from reelmill.operations.scene_extract import SceneResult


@flow(name="scene_extract", task_runner=dask_runner(), **JOB)
def scene_extract(video_id: VideoId, files: bool = False) -> SceneResult:
    """Find where scenes begin, to the picture, with a picture of each and a contact sheet in `thumbnails/`.

    Args:
        video_id: Which video.
        files: Make a video of each scene, too, in `clips/`.
    """
    with job("scene_extract", video_id=video_id, files=files):
        bench = workbench()
        result = operation.scene_extract(bench, video_id, files=files, fan_out=fan_out)
        sheet = previews.of_picture(bench.root.path / result.contact_sheet)
        show(sheet, f"{len(result.scenes)} scenes of {result.source}")
        return result
