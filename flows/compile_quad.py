"""Job type ``compile_quad``: four videos in one frame."""

from __future__ import annotations

from typing import Annotated

from prefect import task
from pydantic import Field

from flows.job import BRIEFLY_RETRIED, JOB, VideoName, job, workbench
from flows.result import show_result
from flows.site_flow import flow
from flows.video_names import same_videos
from reelmill.operations.films.grid import Length
from reelmill.operations.jobs import compile_quad as operation
from reelmill.operations.jobs.compile_quad import AudioChoice, QuadResult


@task(name="make grid", **BRIEFLY_RETRIED)
def make_grid(
    video_ids: list[str] | None, seed: int | None, output_path: str | None, length: Length, audio: AudioChoice
) -> QuadResult:
    """Encode the grid, verify and publish."""
    return operation.compile_quad(workbench(), video_ids, seed=seed, target=output_path, length=length, audio=audio)


@flow(name="compile_quad", **JOB)
def compile_quad(
    video_ids: Annotated[list[VideoName], Field(min_length=4, max_length=4)] | None = None,
    seed: Annotated[int | None, Field(json_schema_extra=operation.JOB_TYPE.in_schema)] = None,
    output_path: Annotated[str, Field(min_length=1, max_length=4096)] | None = None,
    length: Length = "shortest",
    audio: AudioChoice = 1,
) -> QuadResult:
    """Put four videos into a 2x2 grid of 1920x1080, each fitted into its cell without distortion.

    Args:
        video_ids: Four videos, top left, top right, bottom left, bottom right, each by its file name, path, title or
            id, such as `chaplin.mp4` or `inbox/chaplin.mp4`; empty picks four valid ones.
        seed: Of the pick: the same seed picks the same videos from the same library.
        output_path: Where to write it, under the media root; empty puts it into `compilations/`.
        length: `shortest` ends with the first video to end, `longest` holds the others' last frames.
        audio: Whose audio is heard: 1 to 4 for that cell, `mix` for all, 0 for none.
    """
    given = {"video_ids": video_ids, "seed": seed, "output_path": output_path, "length": length, "audio": audio}
    with job("compile_quad", **given):
        video_ids = None if video_ids is None else same_videos(video_ids)
        return show_result(make_grid(video_ids, seed, output_path, length, audio))
