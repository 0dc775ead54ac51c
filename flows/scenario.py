"""Job type ``scenario``: a load test of this machine's encoders."""

from __future__ import annotations

from typing import Annotated

from prefect import flow, task
from pydantic import Field

from flows.job import BRIEFLY_RETRIED, JOB, job, show_table, workbench
from reelmill.ffmpeg.load import By
from reelmill.operations import scenario as operation
from reelmill.operations.scenario import Engine, ScenarioResult


@task(name="run load", **BRIEFLY_RETRIED)
def run_load(
    name: str, duration: float, bitrate: str, output: str, engine: Engine, encoder: By, find_limit: bool
) -> ScenarioResult:
    """Encode, verify, and show on the run's page how many at once are best."""
    result = operation.scenario(
        workbench(),
        name,
        duration=duration,
        bitrate_wanted=bitrate,
        output=output,
        engine=engine,
        encoder=encoder,
        find_limit=find_limit,
    )
    if result.limit is not None:
        found = result.limit
        show_table(
            ("streams at once", "slowest stream", "all together", "cores busy"),
            [(str(s.streams), f"{s.speed:.2f}x", f"{s.throughput:.2f}x", f"{s.cores:.1f}") for s in found.steps],
            f"{result.name} with {result.encoder}: recommended at once {found.recommended}, because {found.reason}; "
            f"about {found.realtime} in real time.",
        )
    return result


@flow(name="scenario", **JOB)
def scenario(
    name: Annotated[str, Field(min_length=1, max_length=40)] = "1080p30-h264",
    duration: Annotated[float, Field(gt=0, le=3600)] = 10,
    bitrate: Annotated[str, Field(min_length=1, max_length=20)] = "auto",
    output: Annotated[str, Field(min_length=1, max_length=500)] = "null",
    engine: Engine = "auto",
    encoder: By = "auto",
    find_limit: bool = False,
) -> ScenarioResult:
    """Encode a generated picture that moves, and tell how fast this machine does it and at what cost.

    Nothing of it enters the library: a file is verified in a work folder and removed.

    Args:
        name: `4k60-h264`, `1080p30-h264`, `720p30-vp9` and so on, or any `<height>p<rate>-<codec>`.
        duration: Seconds of video.
        bitrate: `auto`, or a number like `6M` or `800k`.
        output: `null` for nowhere, `file`, or an `rtmp://` or `srt://` address on this machine.
        engine: `ffmpeg`, `gstreamer` where it is installed, `auto` takes ffmpeg where it has the encoder.
        encoder: `software`, `nvenc` on an NVIDIA card, `auto` takes the card where it works.
        find_limit: Run 1, 2, 4 and more at once until that gains nothing, and recommend a number.
    """
    given = {"duration": duration, "bitrate": bitrate, "output": output, "engine": engine, "encoder": encoder}
    with job("scenario", name=name, **given, find_limit=find_limit):
        return run_load(name, duration, bitrate, output, engine, encoder, find_limit)
