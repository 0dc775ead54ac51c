"""Job type ``reencode``: a copy of a video that every browser plays."""

from __future__ import annotations

from typing import Annotated

from prefect import flow
from pydantic import Field

from flows.fan_out import chunk_fan_out, dask_runner
from flows.job import JOB, VideoId, job, workbench
from reelmill.ffmpeg.transcoder import Encoder
from reelmill.operations import reencode as operation
from reelmill.operations.reencode import Preset, ReencodeResult


@flow(name="reencode", task_runner=dask_runner(), **JOB)
def reencode(
    video_id: VideoId,
    target_bitrate: Annotated[int, Field(ge=50, le=200_000)] = 2000,
    preset: Preset = "medium",
    crf: Annotated[int, Field(ge=0, le=51)] = 23,
    encoder: Encoder = "auto",
    vmaf: bool = False,
) -> ReencodeResult:
    """Re-encode a video for the web: H.264 and AAC in an mp4 that starts at once, in `playback/`.

    The copy is decoded and compared before it enters the library; the source is only ever read. The same video with
    the same settings is encoded once: what a killed run had finished is not encoded again, and long videos are encoded
    in chunks by all cores, or all machines of a Dask cluster.

    Args:
        video_id: Which video.
        target_bitrate: The most the picture may take, in kbit/s.
        preset: How hard x264 tries: slower makes smaller files.
        crf: Quality, 0 (best, largest) to 51; 23 is x264's own default.
        encoder: `x264` in software, `nvenc` on an NVIDIA card, `auto` takes the card where there is one.
        vmaf: Measure how close the copy looks to its source, 0 to 100; takes about as long again.
    """
    given = {"target_bitrate": target_bitrate, "preset": preset, "crf": crf, "encoder": encoder, "vmaf": vmaf}
    with job("reencode", video_id=video_id, **given):
        bench = workbench()
        return operation.reencode(
            bench,
            video_id,
            target_bitrate=target_bitrate,
            preset=preset,
            crf=crf,
            encoder=encoder,
            measure_vmaf=vmaf,
            fan_out=chunk_fan_out(bench.transcoder),
        )
