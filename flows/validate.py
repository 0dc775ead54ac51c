"""Job type ``validate``: does a video open and decode?"""

from __future__ import annotations

from prefect import task

from flows.job import BRIEFLY_RETRIED, JOB, VideoName, job, workbench
from flows.result import completed_as, show_result
from flows.site_flow import flow
from flows.video_names import same_video
from reelmill.operations.jobs import validate as operation
from reelmill.operations.jobs.validate import Depth, ValidateResult
from reelmill.queue.job import INVALID


@task(name="validate video", **BRIEFLY_RETRIED)
def validate_video(video_id: str, depth: Depth) -> ValidateResult:
    """Probe, decode, and bring the record up to date."""
    return operation.validate(workbench(), video_id, depth=depth)


@flow(name="validate", **JOB)
def validate(video_id: VideoName, depth: Depth = "quick") -> ValidateResult:
    """Check a video: a fresh probe, then a decode; its record then has whether it is valid, and why not.

    A damaged video is a result of this job, not a failure of it: the run ends as `Invalid`, with the reason.

    Args:
        video_id: Which video: its file name, path, title or id, such as `chaplin.mp4` or `inbox/chaplin.mp4`.
        depth: `quick` decodes the first, middle and last two seconds, `full` decodes everything.
    """
    with job("validate", video_id=video_id, depth=depth):
        video_id = same_video(video_id)
        result = show_result(validate_video(video_id, depth))
    return result if result.reason is None else completed_as(INVALID, result.reason, result)
