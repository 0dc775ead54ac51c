"""Job type ``duplicates_report``: which videos show the same, and which is a piece of which."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Annotated

from prefect import flow, task
from pydantic import Field

from flows.fan_out import dask_runner, gathered
from flows.job import BRIEFLY_RETRIED, JOB, job, show_markdown, workbench
from reelmill.fan_out import Found, Work, ignore
from reelmill.operations import duplicates as operation
from reelmill.operations.duplicates import DuplicatesResult


@task(name="take fingerprints", **BRIEFLY_RETRIED)
def take_fingerprints(function: Callable[[Work], Found], work: Work) -> Found:
    """Look at a few files, second by second; runs wherever Dask puts it."""
    return function(work)


def fan_out(
    function: Callable[[Work], Found], works: Sequence[Work], done: Callable[[Found], None] = ignore
) -> list[Found]:
    """One Prefect task a batch of about ten minutes of video, on Dask."""
    return gathered([take_fingerprints.submit(function, work) for work in works], done)


@flow(name="duplicates_report", task_runner=dask_runner(), **JOB)
def duplicates_report(
    directory_type: Annotated[str, Field(min_length=1, max_length=100)] | None = None,
) -> DuplicatesResult:
    """Report encodes of the same video, and clips that lie inside longer videos, by what they look like.

    Size, quality, frame rate, container, brightness and black bars may differ. Nothing is changed or deleted: what to
    do about a duplicate is for a person to say. What was once looked at is not looked at again until its file changes.

    Args:
        directory_type: Compare the videos of one directory type; empty compares all but what our own jobs made.
    """
    with job("duplicates_report", directory_type=directory_type):
        bench = workbench()
        result = operation.duplicates_report(bench, directory_type=directory_type, fan_out=fan_out)
        show_markdown(operation.table(bench, result), f"{len(result.groups)} groups, {len(result.clips)} clips")
        return result
