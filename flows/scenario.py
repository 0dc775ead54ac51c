"""Job type ``scenario``: a load test of this node's encoders."""

from __future__ import annotations

from typing import Annotated

from prefect import task
from pydantic import Field

from flows.job import BRIEFLY_RETRIED, JOB, job, workbench
from flows.result import show_result
from flows.site_flow import flow
from reelmill.hardware.backends import LoadChoice
from reelmill.operations.jobs import scenario as operation
from reelmill.operations.jobs.scenario import Engine, ScenarioResult


@task(name="load encoders", **BRIEFLY_RETRIED)
def load_encoders(
    name: str, duration: float, bitrate: str, output: str, engine: Engine, encoder: LoadChoice, find_limit: bool
) -> ScenarioResult:
    """Encode and verify; where that is asked for, find how many at once are best."""
    return operation.scenario(
        workbench(),
        name,
        duration=duration,
        bitrate_wanted=bitrate,
        output=output,
        engine=engine,
        encoder=encoder,
        find_limit=find_limit,
    )


@flow(name="scenario", **JOB)
def scenario(
    name: Annotated[
        str, Field(min_length=1, max_length=40, json_schema_extra=operation.JOB_TYPE.in_schema)
    ] = "1080p30-h264",
    duration: Annotated[float, Field(gt=0, le=3600)] = 10,
    bitrate: Annotated[str, Field(min_length=1, max_length=20)] = "auto",
    output: Annotated[str, Field(min_length=1, max_length=500)] = "null",
    engine: Engine = "auto",
    encoder: LoadChoice = "auto",
    find_limit: bool = False,
) -> ScenarioResult:
    """Encode a generated test video, and measure how fast this node does it and at what cost.

    Nothing of it enters the library: a file is verified in a work folder and removed.

    Args:
        name: `4k60-h264`, `1080p30-h264`, `720p30-vp9` and so on, or any `<height>p<rate>-<codec>`.
        duration: Seconds of video.
        bitrate: `auto`, or a number like `6M` or `800k`.
        output: `null` for nowhere, `file`, or an `rtmp://` or `srt://` address on this node.
        engine: `ffmpeg`, `gstreamer` where it is installed, `auto` takes ffmpeg where it has the encoder.
        encoder: `software`, `nvenc` on an NVIDIA GPU, `auto` takes the GPU where it works.
        find_limit: Run 1, 2, 4 and more at once until that gains nothing, and recommend a number.
    """
    given = {"duration": duration, "bitrate": bitrate, "output": output, "engine": engine, "encoder": encoder}
    with job("scenario", name=name, **given, find_limit=find_limit):
        return show_result(load_encoders(name, duration, bitrate, output, engine, encoder, find_limit))
