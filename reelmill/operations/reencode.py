"""Re-encode: an H.264 and AAC copy for the web in ``playback/``, linked to its source."""

from __future__ import annotations

import time
import uuid
from dataclasses import replace
from fractions import Fraction
from pathlib import Path, PurePosixPath
from typing import Final, Literal

from pydantic import BaseModel, ConfigDict

from reelmill.catalogue import queries
from reelmill.catalogue.engine import session
from reelmill.catalogue.models import Video, utc_now
from reelmill.errors import DamagedVideo, OutputRejected
from reelmill.fan_out import FanOut, threads
from reelmill.ffmpeg import build
from reelmill.ffmpeg.chunks import CHUNK_SECONDS
from reelmill.ffmpeg.cost import Cost, cost_of, with_vmaf
from reelmill.ffmpeg.decode import check_whole
from reelmill.ffmpeg.probe import MediaInfo, probe
from reelmill.ffmpeg.quality import require_vmaf, vmaf
from reelmill.ffmpeg.subtitles import usable_subtitles
from reelmill.ffmpeg.transcoder import Encoder, Transcoder
from reelmill.ffmpeg.verify import Expectation, Source
from reelmill.layout import PLAYBACK
from reelmill.operations.publish import Product, existing, publish
from reelmill.operations.side_by_side import SideBySide
from reelmill.operations.store import Store
from reelmill.operations.validate import fault
from reelmill.operations.web_copy import Copy, WebCopy
from reelmill.operations.workbench import Workbench, fingerprint, recipe
from reelmill.operations.workspace import workspace
from reelmill.report import Part

Preset = Literal["ultrafast", "superfast", "veryfast", "faster", "fast", "medium", "slow", "slower", "veryslow"]

#: Chunks that are decoded in one go: enough to outweigh starting, few enough to spread over many machines.
_STRETCH: Final = 2


class Making(BaseModel):
    """How a copy was made where it may be otherwise than asked, and what that cost; kept with its record."""

    model_config = ConfigDict(frozen=True)

    encoder: str
    cost: Cost | None = None  # records of before it was kept have none


class ReencodeResult(BaseModel):
    """What was made and what it cost."""

    model_config = ConfigDict(frozen=True)

    video_id: uuid.UUID  # of the new record
    path: str
    source: str
    encoder: str  # that made it: libx264 where the GPU was asked and had no room
    reused: bool  # an earlier run had made it
    duration: float  # seconds of video
    seconds: float  # wall time of this run
    speed: float  # seconds of video per second of encoding
    cpu_seconds: float
    chunks: int  # that were encoded by themselves; 1: in one go
    chunks_reused: int  # of which an earlier run, that was cut short, had made so many
    frames_encoded: int  # pictures this run encoded
    source_size: int  # bytes
    size: int
    cost: Cost | None = None  # of making the copy, whichever run made it
    skipped: str | None = None  # why nothing was made; ``path`` is then the source's own


def web_h264(
    transcoder: Transcoder, *, target_bitrate: int, preset: Preset = "medium", crf: int = 23, encoder: Encoder = "auto"
) -> build.H264:
    """How pictures are encoded for the web here, by the words of ``reencode``.

    Raises:
        CapabilityError: the encoder cannot be used here.
    """
    return build.H264(
        encoder=transcoder.h264_encoder(encoder),
        preset=preset,
        crf=crf,
        max_kbit=target_bitrate,
        threads=transcoder.options.threads,
    )


def copy_recipe(video: Video, source: Path, h264: build.H264) -> str:
    """The recipe of a video's web copy."""
    return recipe("reencode", [fingerprint(video, source)], **h264.options())


def reencode(
    bench: Workbench,
    video_id: str,
    *,
    target_bitrate: int = 2000,
    preset: Preset = "medium",
    crf: int = 23,
    encoder: Encoder = "auto",
    measure_vmaf: bool = False,
    chunk_seconds: float = float(CHUNK_SECONDS),
    fan_out: FanOut = threads,
    spread: FanOut = threads,
) -> ReencodeResult:
    """Make the web copy of a video; the same video with the same settings is made once.

    Args:
        bench: what to work with.
        video_id: which video.
        target_bitrate: ceiling of the picture's bit rate, kbit/s.
        preset: x264's name for how hard to try.
        crf: x264's constant rate factor, 0 to 51; lower is better and larger.
        encoder: ``x264``, ``nvenc``, or ``auto``.
        measure_vmaf: compare the copy with its source, which takes about as long again.
        chunk_seconds: about how long the chunks are that are encoded side by side.
        fan_out: runs the encode of each chunk, here or elsewhere.
        spread: runs the decoding of each stretch of the finished copy, here or elsewhere.

    Raises:
        UnknownVideo, InputError: the source cannot be used.
        CapabilityError, GpuBusy: the encoder or libvmaf cannot be used here, or not now.
        FfmpegFailed, Stalled, DiskFull, OutputRejected: the encode went wrong; nothing was published.
    """
    started = time.monotonic()
    with session() as opened:
        video = queries.usable_video(opened, video_id)
    source = bench.source(video)
    bench.report.line(f"input: {video.path}, {video.size} bytes")
    info = probe(source)
    bench.transcoder.require_tone_mapping(info)
    if measure_vmaf:
        require_vmaf(bench.transcoder)
    h264 = web_h264(bench.transcoder, target_bitrate=target_bitrate, preset=preset, crf=crf, encoder=encoder)
    key = copy_recipe(video, source, h264)
    finished: Copy | None = None
    with workspace(bench.root, key, bench.report) as folder:
        made = existing(bench, key)
        if made is None:
            info = usable_subtitles(bench.transcoder, source, info, folder, bench.report)
            copy = WebCopy(
                bench, video, source, info, h264, key, folder, bench.report, fan_out, Fraction(chunk_seconds)
            )
            made, finished = _make(copy, measure_vmaf, SideBySide(bench.root, spread, _STRETCH * copy.chunk_seconds))
        elif measure_vmaf:
            made = _measured(bench, made, source, info, folder)
    with session() as opened:
        video = queries.get_video(opened, video_id)
        video.reencode_job_id, video.updated_at = bench.run_id or made.made_by, utc_now()
        opened.add(video)
    return _result(bench, video, made, finished, h264, time.monotonic() - started)


def _result(
    bench: Workbench, video: Video, made: Video, finished: Copy | None, h264: build.H264, seconds: float
) -> ReencodeResult:
    making = Making.model_validate(made.details) if made.details else Making(encoder=h264.encoder)
    bench.report.line(f"output: {made.path}, {made.size} bytes")
    bench.report.progress(1.0, "done")
    duration = made.duration or 0.0
    return ReencodeResult(
        video_id=made.id,
        path=made.path,
        source=video.path,
        encoder=making.encoder,
        reused=finished is None,
        duration=duration,
        seconds=seconds,
        speed=duration / finished.encoded.seconds if finished else 0.0,
        cpu_seconds=finished.encoded.cpu_seconds if finished else 0.0,
        chunks=finished.chunks if finished else 0,
        chunks_reused=finished.chunks_reused if finished else 0,
        frames_encoded=finished.frames_encoded if finished else 0,
        source_size=video.size,
        size=made.size,
        cost=making.cost,
    )


def _measured(bench: Workbench, made: Video, source: Path, info: MediaInfo, folder: Path) -> Video:
    """The record of a copy made before, with the VMAF that no run had asked for yet."""
    making = Making.model_validate(made.details) if made.details else None
    if making is None or making.cost is None or making.cost.vmaf is not None:
        return made
    linked = folder / "made.mp4"  # in our own folder, so that nothing is written beside a video of the library
    linked.symlink_to(bench.root.resolve(made.path))
    score = vmaf(bench.transcoder, linked, source, info, build.web_size(info), Part(bench.report, 0.0, 0.95))
    with session() as opened:
        record = queries.get_video(opened, made.id)
        record.details = making.model_copy(update={"cost": with_vmaf(making.cost, score)}).model_dump(mode="json")
        opened.add(record)
    return record


def _make(copy: WebCopy, measure_vmaf: bool, decode: SideBySide) -> tuple[Video, Copy]:
    """Encode, measure, publish; then nobody needs the pieces any more."""
    bench, source, info = copy.bench, copy.source, copy.info
    encoded = 0.6 if measure_vmaf else 0.95  # of the whole, in the progress bar
    finished = replace(copy, report=Part(bench.report, 0.0, encoded)).encode()
    cost = _cost(copy, finished, vmaf_from=encoded if measure_vmaf else None)
    product = Product(
        path=f"{PLAYBACK}/{PurePosixPath(copy.video.filename).stem}.mp4",
        recipe=copy.recipe,
        expected=Expectation(
            frames=finished.frames,
            size=build.web_size(info),
            audio_tracks=info.audio_tracks,
            source=Source(source, info),
        ),
        title=copy.video.title,
        source_video_id=copy.video.id,
        details=Making(encoder=finished.encoded.encoder, cost=cost).model_dump(mode="json"),
    )
    store = Store(bench.root)
    try:
        made = publish(bench, finished.staged, product, decode)
    except OutputRejected as error:
        store.drop(finished.keys)  # whichever is bad, none is used again
        # Is the source itself short or damaged? Then no further try can help.
        reason = fault(source.name, info, check_whole(source))
        if reason is None:
            raise
        raise DamagedVideo(reason) from error
    store.drop(finished.keys)
    store.release(copy.recipe)
    return made, finished


def _cost(copy: WebCopy, finished: Copy, vmaf_from: float | None) -> Cost:
    """What the encode cost; with its VMAF, measured from ``vmaf_from`` of the progress bar on, if that is given."""
    made, score = finished.staged, None
    if vmaf_from is not None:
        part = Part(copy.bench.report, vmaf_from, 0.95)
        score = vmaf(copy.bench.transcoder, made, copy.source, copy.info, build.web_size(copy.info), part)
    return cost_of(
        finished.encoded,
        finished.encoded.energy,
        finished.encoded.last.out_time,
        bytes_in=copy.video.size,
        bytes_out=made.stat().st_size if made.exists() else None,  # where it does not, ``publish`` says so
        vmaf=score,
    )
