"""Job type ``compile_random``: videos picked at random, one after the other."""

from __future__ import annotations

from typing import Annotated

from prefect import flow, task
from pydantic import Field

from flows.job import BRIEFLY_RETRIED, JOB, job, show, workbench
from reelmill.operations import medley as operation
from reelmill.operations import previews
from reelmill.operations.medley import MedleyResult, Orientation

Seconds = Annotated[float, Field(ge=0, le=86_400)]


@task(name="make medley", **BRIEFLY_RETRIED)
def make_medley(
    count: int,
    min_duration: float,
    max_duration: float,
    orientation: Orientation,
    seed: int | None,
    output_path: str | None,
) -> MedleyResult:
    """Pick, join, verify, publish, and show a picture of each part on the run's page."""
    bench = workbench()
    result = operation.compile_random(
        bench,
        count=count,
        min_duration=min_duration,
        max_duration=max_duration,
        orientation=orientation,
        seed=seed,
        target=output_path,
    )
    middles = [piece.start + piece.duration / 2 for piece in result.pieces]
    show(previews.strip(bench.root.path / result.path, middles), f"the parts of {result.path}")
    return result


@flow(name="compile_random", **JOB)
def compile_random(
    count: Annotated[int, Field(ge=1, le=500)] = 10,
    min_duration: Seconds = 30,
    max_duration: Seconds = 120,
    orientation: Orientation = "landscape",
    seed: int | None = None,
    output_path: Annotated[str, Field(min_length=1, max_length=4096)] | None = None,
) -> MedleyResult:
    """Join videos picked at random, levelled in sound; what agrees is joined as it is, only the rest is encoded.

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
        return make_medley(count, min_duration, max_duration, orientation, seed, output_path)
