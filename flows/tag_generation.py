"""Job type ``tag_generation``: words for a video."""

from __future__ import annotations

from prefect import flow
from prefect.artifacts import create_table_artifact

from flows.fan_out import dask_runner, fan_out
from flows.job import JOB, VideoId, job, workbench
from reelmill.operations import tagging as operation
from reelmill.operations.tagging import TagResult


@flow(name="tag_generation", task_runner=dask_runner(), **JOB)
def tag_generation(video_id: VideoId) -> TagResult:
    """Find words for a video: its format, pace, light, colours, faces and sound, and what a model recognises where a
    machine has one (REELMILL_MODELS); a person's tags are never touched.

    Args:
        video_id: Which video.
    """
    with job("tag_generation", video_id=video_id):
        result = operation.tag_generation(workbench(), video_id, fan_out=fan_out)
        rows = [
            {"tag": tag.name, "sure": "by a person" if tag.by_person else f"{tag.confidence:.0%}",
             "because": ", ".join(f"{name.replace('_', ' ')} {value}" for name, value in tag.evidence.items())}
            for tag in result.tags
        ]  # fmt: skip
        create_table_artifact(rows, description=f"tags of {result.source}, by {result.back_end} on {result.device}")
        return result
