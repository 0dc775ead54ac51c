"""Job type ``validate``: does a video open and decode?"""

from __future__ import annotations

from prefect import flow, task

from flows.job import BRIEFLY_RETRIED, JOB, VideoId, job, workbench
from reelmill.operations import validate as operation
from reelmill.operations.validate import Depth, ValidateResult


@task(name="validate video", **BRIEFLY_RETRIED)
def validate_video(video_id: str, depth: Depth) -> ValidateResult:
    """Probe, decode, and bring the record up to date."""
    return operation.validate(workbench(), video_id, depth=depth)


@flow(name="validate", **JOB)
def validate(video_id: VideoId, depth: Depth = "quick") -> ValidateResult:
    """Check a video: a fresh probe, then a decode; its record says afterwards whether it is valid, and why not.

    A damaged video is a result of this job, not a failure of it.

    Args:
        video_id: Which video.
        depth: `quick` decodes the first, middle and last two seconds, `full` decodes everything.
    """
    with job("validate", video_id=video_id, depth=depth):
        return validate_video(video_id, depth)
