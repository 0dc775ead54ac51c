"""Job type ``compile_mega``: very many videos in one."""

from __future__ import annotations

from typing import Annotated

from prefect import flow, task
from pydantic import Field

from flows.job import BRIEFLY_RETRIED, JOB, VideoId, job, show, workbench
from reelmill.operations import mega as operation
from reelmill.operations import previews
from reelmill.operations.grid import Length
from reelmill.operations.mega import Layout, MegaResult, Sound


@task(name="make compilation", **BRIEFLY_RETRIED)
def make_compilation(
    video_ids: list[str] | None,
    layout: Layout,
    count: int | None,
    seed: int | None,
    output_path: str | None,
    length: Length,
    audio: Sound,
) -> MegaResult:
    """Encode, verify, publish, and show a picture on the run's page."""
    bench = workbench()
    result = operation.compile_mega(
        bench, video_ids, layout=layout, count=count, seed=seed, target=output_path, length=length, audio=audio
    )
    show(previews.of_video(bench.root.path / result.path, result.duration / 2), f"{result.path}, half-way")
    return result


@flow(name="compile_mega", **JOB)
def compile_mega(
    video_ids: Annotated[list[VideoId], Field(min_length=1, max_length=500)] | None = None,
    layout: Layout = "3x3",
    count: Annotated[int, Field(ge=1, le=500)] | None = None,
    seed: int | None = None,
    output_path: Annotated[str, Field(min_length=1, max_length=4096)] | None = None,
    length: Length = "shortest",
    audio: Annotated[int, Field(ge=0, le=16)] | Sound = 1,
) -> MegaResult:
    """Put many videos into one: a grid of 3x3 or 4x4 in 1920x1080, or one after the other.

    Args:
        video_ids: Which videos, in their order; empty picks valid ones.
        layout: `3x3` takes nine videos, `4x4` sixteen, `sequence` any number.
        count: How many a sequence picks; 20 unless told.
        seed: Of the pick: the same seed picks the same videos from the same library.
        output_path: Where to write it, under the media root; empty puts it into `compilations/`.
        length: Of a grid: `shortest` ends with the first video to end, `longest` keeps the last pictures standing.
        audio: Of a grid: whose sound is heard, 1 for the first cell and so on, `mix` for all, 0 for none.
    """
    given = {
        "video_ids": video_ids, "layout": layout, "count": count, "seed": seed, "output_path": output_path,
        "length": length, "audio": audio,
    }  # fmt: skip
    with job("compile_mega", **given):
        return make_compilation(video_ids, layout, count, seed, output_path, length, audio)
