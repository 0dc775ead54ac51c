"""Job type ``duplicates_report``: which videos show the same, and which lies inside which."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated

from prefect import task
from pydantic import Field

from flows.job import BRIEFLY_RETRIED, JOB, job, workbench
from flows.result import show_result
from flows.site_flow import flow
from flows.task_runners import DaskFanOut, dask_runner
from reelmill.operations.jobs import duplicates_report as operation
from reelmill.operations.jobs.duplicates_report import DuplicatesResult
from reelmill.parallel import Result, Work


@task(name="hash frames", **BRIEFLY_RETRIED)
def hash_frames(function: Callable[[Work], Result], work: Work) -> Result:
    """Hash the frames of about ten minutes of video, one of each second."""
    return function(work)


@flow(name="duplicates_report", task_runner=dask_runner(), **JOB)
def duplicates_report(
    directory_type: Annotated[str, Field(min_length=1, max_length=100)] | None = None,
) -> DuplicatesResult:
    """Report encodes of the same video, and clips that lie inside longer videos, by what they look like.

    * Size, quality, frame rate, container, brightness and black bars may differ.
    * Nothing is changed or deleted: what to do about a duplicate is for a person to decide.
    * A video is hashed once, and again only when its file changes.

    Args:
        directory_type: Compare the videos of one directory type; empty compares all but what our own jobs made.
    """
    with job("duplicates_report", directory_type=directory_type):
        bench, fan_out = workbench(), DaskFanOut(hash_frames)
        return show_result(operation.duplicates_report(bench, directory_type=directory_type, fan_out=fan_out))
