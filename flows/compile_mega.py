"""Job type ``compile_mega``: very many videos in one."""

from __future__ import annotations

from typing import Annotated

from prefect import task
from pydantic import Field

from flows.job import BRIEFLY_RETRIED, JOB, VideoName, job, workbench
from flows.result import show_result
from flows.site_flow import flow
from flows.video_names import same_videos
from reelmill.operations.films.grid import Length
from reelmill.operations.jobs import compile_mega as operation
from reelmill.operations.jobs.compile_mega import AudioChoice, Layout, MegaResult


@task(name="make compilation", **BRIEFLY_RETRIED)
def make_compilation(
    video_ids: list[str] | None,
    layout: Layout,
    count: int | None,
    seed: int | None,
    output_path: str | None,
    length: Length,
    audio: AudioChoice,
) -> MegaResult:
    """Encode, verify and publish."""
    return operation.compile_mega(
        workbench(),
        video_ids,
        layout=layout,
        count=count,
        seed=seed,
        target=output_path,
        length=length,
        audio=audio,
    )


@flow(name="compile_mega", **JOB)
def compile_mega(
    video_ids: Annotated[list[VideoName], Field(min_length=1, max_length=500)] | None = None,
    layout: Layout = "3x3",
    count: Annotated[int, Field(ge=1, le=500)] | None = None,
    seed: Annotated[int | None, Field(json_schema_extra=operation.JOB_TYPE.in_schema)] = None,
    output_path: Annotated[str, Field(min_length=1, max_length=4096)] | None = None,
    length: Length = "shortest",
    audio: Annotated[int, Field(ge=0, le=16)] | AudioChoice = 1,
) -> MegaResult:
    """Put many videos into one: a grid of 3x3 or 4x4 in 1920x1080, or one after the other.

    Args:
        video_ids: Which videos, in their order, each by its file name, path, title or id, such as `chaplin.mp4` or
            `inbox/chaplin.mp4`; empty picks valid ones.
        layout: `3x3` takes nine videos, `4x4` sixteen, `sequence` any number.
        count: How many a sequence picks; 20 unless given.
        seed: Of the pick: the same seed picks the same videos from the same library.
        output_path: Where to write it, under the media root; empty puts it into `compilations/`.
        length: Of a grid: `shortest` ends with the first video to end, `longest` holds the last frames.
        audio: Of a grid: whose audio is heard, 1 for the first cell and so on, `mix` for all, 0 for none.
    """
    given = {
        "video_ids": video_ids, "layout": layout, "count": count, "seed": seed, "output_path": output_path,
        "length": length, "audio": audio,
    }  # fmt: skip
    with job("compile_mega", **given):
        video_ids = None if video_ids is None else same_videos(video_ids)
        return show_result(make_compilation(video_ids, layout, count, seed, output_path, length, audio))
