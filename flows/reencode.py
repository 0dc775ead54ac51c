"""Job type ``reencode``: a copy of a video that every browser plays."""

from __future__ import annotations

from typing import Annotated

from prefect import flow, task
from pydantic import Field

from flows.fan_out import chunk_fan_out, dask_runner, fan_out
from flows.job import BRIEFLY_RETRIED, JOB, VideoId, job, show_table, workbench
from reelmill.ffmpeg.transcoder import Encoder
from reelmill.operations import plan_table
from reelmill.operations import reencode as operation
from reelmill.operations.plan import Asked, Plan, plan_library
from reelmill.operations.reencode import Preset, ReencodeResult, web_h264
from reelmill.operations.webready import without_encoding


@task(name="plan video", **BRIEFLY_RETRIED)
def plan_video(video_id: str, target_bitrate: int, preset: Preset, crf: int, encoder: Encoder, force: bool) -> Plan:
    """Say what would be done, from short samples; nothing is made."""
    bench = workbench()
    h264 = web_h264(bench.transcoder, target_bitrate=target_bitrate, preset=preset, crf=crf, encoder=encoder)
    plan = plan_library(bench, [video_id], Asked(bench.transcoder, h264, force=force))
    for path, action, why, *_ in plan_table.rows(plan):
        bench.report.line(f"{path}: {action}: {why}")
    bench.report.line(plan_table.summary(plan))
    show_table(plan_table.HEADER, plan_table.rows(plan), plan_table.summary(plan))
    return plan


@task(name="spare video", **BRIEFLY_RETRIED)
def spare_video(video_id: str, target_bitrate: int, force: bool) -> ReencodeResult | None:
    """Skip what is web-ready, and copy streams that are into an mp4; None where an encode is needed."""
    return without_encoding(workbench(), video_id, target_bitrate=target_bitrate, force=force)


@flow(name="reencode", task_runner=dask_runner(), **JOB)
def reencode(
    video_id: VideoId,
    target_bitrate: Annotated[int, Field(ge=50, le=200_000)] = 2000,
    preset: Preset = "medium",
    crf: Annotated[int, Field(ge=0, le=51)] = 23,
    encoder: Encoder = "auto",
    vmaf: bool = False,
    force: bool = False,
    dry_run: bool = False,
) -> ReencodeResult | Plan:
    """Re-encode a video for the web: H.264 and AAC in an mp4 that starts at once, in `playback/`.

    The copy is decoded and compared before it enters the library; the source is only ever read. The same video with
    the same settings is encoded once: what a killed run had finished is not encoded again, and long videos are encoded
    in chunks by all cores, or all machines of a Dask cluster. One that is web-ready is skipped, one whose streams are
    goes into an mp4 as it is, and a copy of our own making is never encoded again.

    Args:
        video_id: Which video.
        target_bitrate: The most the picture may take, in kbit/s.
        preset: How hard x264 tries: slower makes smaller files.
        crf: Quality, 0 (best, largest) to 51; 23 is x264's own default.
        encoder: `x264` in software, `nvenc` on an NVIDIA card, `auto` takes the card where there is one.
        vmaf: Measure how close the copy looks to its source, 0 to 100; takes about as long again.
        force: Encode a video that is web-ready, too.
        dry_run: Only say what would be done and why, with size and time predicted from short samples; make nothing.
    """
    how = {"target_bitrate": target_bitrate, "preset": preset, "crf": crf, "encoder": encoder}
    with job("reencode", video_id=video_id, **how, vmaf=vmaf, force=force, dry_run=dry_run):
        if dry_run:
            return plan_video(video_id, target_bitrate, preset, crf, encoder, force)
        if (spared := spare_video(video_id, target_bitrate, force)) is not None:
            return spared
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
            spread=fan_out,
        )
