"""Job type ``compile_random``: videos picked at random, one after the other."""

from __future__ import annotations

from typing import Annotated

from prefect import task
from pydantic import Field

from flows.job import BRIEFLY_RETRIED, JOB, job, workbench
from flows.result import show_result
from flows.site_flow import flow
from reelmill.operations.jobs import compile_random as operation
from reelmill.operations.jobs.compile_random import MedleyResult, Orientation

Seconds = Annotated[float, Field(ge=0, le=86_400)]


@task(name="join videos", **BRIEFLY_RETRIED)
def join_videos(
    count: int,
    min_duration: float,
    max_duration: float,
    orientation: Orientation,
    seed: int | None,
    output_path: str | None,
) -> MedleyResult:
    """Pick, join, verify and publish."""
    return operation.compile_random(
        workbench(),
        count=count,
        min_duration=min_duration,
        max_duration=max_duration,
        orientation=orientation,
        seed=seed,
        target=output_path,
    )


@flow(name="compile_random", **JOB)
def compile_random(
    count: Annotated[int, Field(ge=1, le=500)] = 10,
    min_duration: Seconds = 30,
    max_duration: Seconds = 120,
    orientation: Orientation = "landscape",
    seed: Annotated[int | None, Field(json_schema_extra=operation.JOB_TYPE.in_schema)] = None,
    output_path: Annotated[str, Field(min_length=1, max_length=4096)] | None = None,
) -> MedleyResult:
    """Join videos picked at random, levelled in audio; what agrees is joined as it is, only the rest is encoded.

    Args:
        count: How many videos.
        min_duration: Of each video, in seconds.
        max_duration: Of each video, in seconds.
        orientation: How they are held; `any` takes all.
        seed: Of the pick: the same seed picks the same videos from the same library.
        output_path: Where to write it, under the media root; empty puts it into `compilations/`.
    """
    given = {
        "count": count, "min_duration": min_duration, "max_duration": max_duration,
        "orientation": orientation, "seed": seed, "output_path": output_path,
    }  # fmt: skip
    with job("compile_random", **given):
        return show_result(join_videos(count, min_duration, max_duration, orientation, seed, output_path))
