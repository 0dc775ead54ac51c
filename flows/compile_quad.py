"""Job type ``compile_quad``: four videos in one picture."""

from __future__ import annotations

from typing import Annotated

from prefect import flow, task
from pydantic import Field

from flows.job import BRIEFLY_RETRIED, JOB, VideoId, job, show, workbench
from reelmill.operations import previews
from reelmill.operations import quad as operation
from reelmill.operations.grid import Length
from reelmill.operations.quad import QuadResult, Sound


@task(name="make grid", **BRIEFLY_RETRIED)
def make_grid(
    video_ids: list[str] | None, seed: int | None, output_path: str | None, length: Length, audio: Sound
) -> QuadResult:
    """Encode the grid, verify, publish, and show a picture of it on the run's page."""
    bench = workbench()
    result = operation.compile_quad(bench, video_ids, seed=seed, target=output_path, length=length, audio=audio)
    show(previews.of_video(bench.root.path / result.path, result.duration / 2), f"{result.path}, half-way")
    return result


@flow(name="compile_quad", **JOB)
def compile_quad(
    video_ids: Annotated[list[VideoId], Field(min_length=4, max_length=4)] | None = None,
    seed: int | None = None,
    output_path: Annotated[str, Field(min_length=1, max_length=4096)] | None = None,
    length: Length = "shortest",
    audio: Sound = 1,
) -> QuadResult:
    """Put four videos into a 2x2 grid of 1920x1080, each fitted into its cell without distortion.

    Args:
        video_ids: Four videos, top left, top right, bottom left, bottom right; empty picks four valid ones.
        seed: Of the pick: the same seed picks the same videos from the same library.
        output_path: Where to write it, under the media root; empty puts it into `compilations/`.
        length: `shortest` ends with the first video to end, `longest` keeps the others' last pictures standing.
        audio: Whose sound is heard: 1 to 4 for that cell, `mix` for all, 0 for none.
    """
    given = {"video_ids": video_ids, "seed": seed, "output_path": output_path, "length": length, "audio": audio}
    with job("compile_quad", **given):
        return make_grid(video_ids, seed, output_path, length, audio)
