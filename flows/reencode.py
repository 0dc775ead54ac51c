"""Job type ``reencode``: a copy of a video that every browser plays."""

from __future__ import annotations

from typing import Annotated

from prefect import task
from pydantic import Field

from flows.job import BRIEFLY_RETRIED, JOB, VideoName, job, workbench
from flows.result import show_result
from flows.site_flow import flow
from flows.task_runners import chunk_fan_out, dask_runner, fan_out
from flows.video_names import same_video
from reelmill.hardware.backends import EncoderChoice
from reelmill.operations.jobs import reencode as operation
from reelmill.operations.jobs.reencode import CopyWishes, Preset, web_encoding
from reelmill.operations.web_copies.plan import PlanOptions, plan_library
from reelmill.operations.web_copies.result import ReencodeResult
from reelmill.operations.web_copies.skip_or_remux import without_encoding
from reelmill.operations.web_copies.video_plan import Plan


@task(name="plan copy", **BRIEFLY_RETRIED)
def plan_video(video_id: str, how: CopyWishes, force: bool) -> Plan:
    """Predict from short samples what would be done; nothing is made."""
    bench = workbench()
    encoding = web_encoding(bench.transcoder, **how)
    return plan_library(bench, [video_id], PlanOptions(bench.transcoder, encoding, force=force))


@task(name="skip or remux", **BRIEFLY_RETRIED)
def skip_or_remux(video_id: str, target_bitrate: int, max_height: int | None, force: bool) -> ReencodeResult | None:
    """Skip what is web-ready, and copy streams that are into an mp4; None where an encode is needed."""
    bench = workbench()
    return without_encoding(bench, video_id, target_bitrate=target_bitrate, max_height=max_height, force=force)


@flow(name="reencode", task_runner=dask_runner(), **JOB)
def reencode(
    video_id: VideoName,
    target_bitrate: Annotated[int, Field(ge=0, le=200_000)] = 2000,
    preset: Preset = "medium",
    crf: Annotated[int, Field(ge=0, le=51)] = 23,
    encoder: EncoderChoice = "auto",
    max_height: Annotated[int, Field(ge=0, le=4320)] | None = None,
    surround: bool = False,
    vmaf: bool = False,
    force: bool = False,
    dry_run: bool = False,
) -> ReencodeResult | Plan:
    """Re-encode a video for the web: H.264 and AAC in an mp4 that starts at once, in `playback/`.

    * A video that is web-ready is skipped, and one whose streams are goes into an mp4 as it is.
    * The copy is decoded and compared before it enters the library; the source is only ever read.
    * The same video with the same settings is encoded once: what a killed run had finished is not encoded again.
    * Long videos are encoded in chunks by all cores, or all nodes of a Dask cluster.
    * A copy of our own making is never encoded again.

    Args:
        video_id: Which video: its file name, path, title or id, such as `chaplin.mp4` or `inbox/chaplin.mp4`.
        target_bitrate: The most the video track may take, in kbit/s, from 50 on; 0: what its size and rate are worth.
        preset: How hard x264 tries: slower makes smaller files.
        crf: Quality, 0 (best, largest) to 51; 23 is x264's own default.
        encoder: `x264` in software, `nvenc` on an NVIDIA GPU, `auto` takes the GPU where there is one.
        max_height: The most lines of the copy: 1080 fits it into 1920x1080, or 1080x1920; 0: the source's size.
            Left out: what the site has chosen, which is 1080 where nobody has.
        surround: Keep more than two channels, too, in a further audio track of 5.1 at 384 kbit/s.
        vmaf: Measure how close the copy looks to its source, 0 to 100; takes about as long again.
        force: Encode a video that is web-ready, too.
        dry_run: Only report what would be done and why, with size and time predicted from short samples; make nothing.
    """
    how: CopyWishes = {
        "target_bitrate": target_bitrate,
        "preset": preset,
        "crf": crf,
        "encoder": encoder,
        "max_height": max_height,
        "surround": surround,
    }
    with job("reencode", video_id=video_id, **how, vmaf=vmaf, force=force, dry_run=dry_run):
        video_id = same_video(video_id)
        if dry_run:
            return show_result(plan_video(video_id, how, force))
        if (done := skip_or_remux(video_id, target_bitrate, max_height, force)) is not None:
            return show_result(done)
        bench = workbench()
        made = operation.reencode(
            bench,
            video_id,
            **how,
            measure_vmaf=vmaf,
            fan_out=chunk_fan_out(bench.transcoder),
            decode_fan_out=fan_out,
        )
        return show_result(made)
