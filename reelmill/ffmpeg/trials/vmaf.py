"""VMAF: how close a copy looks to its source, by Netflix' measure, with ffmpeg's libvmaf."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import ffmpeg

from reelmill.errors import CapabilityError
from reelmill.ffmpeg.binary import filters
from reelmill.ffmpeg.commands.filters import shown
from reelmill.ffmpeg.geometry import by_fields
from reelmill.ffmpeg.reading.probe import MediaInfo, media_url
from reelmill.ffmpeg.transcoder import Transcoder
from reelmill.report import Report


def require_vmaf(transcoder: Transcoder) -> None:
    """The filter libvmaf must be there.

    Raises:
        CapabilityError: this ffmpeg was built without it.
    """
    if "libvmaf" not in filters(transcoder.ffmpeg):
        raise CapabilityError(f"{transcoder.ffmpeg} lacks the filter libvmaf; use the bundled ffmpeg.", "libvmaf")


def comparison(
    copy: Path, source: Path, info: MediaInfo, size: tuple[int, int], log: Path, threads: int
) -> tuple[str, ...]:
    """The command line that compares frame by frame (pure).

    The n-th frame is compared with the n-th, whatever times they carry: a copy holds every frame of its source, and
    a container that rounds times must not shift one frame to the next. The source goes through the same filters as
    when the copy was made.

    Args:
        copy: what was made.
        source: what it was made from.
        info: the facts of ``source``.
        size: of the copy, in pixels.
        log: where the scores are written, as JSON.
        threads: how many libvmaf may use.

    Returns:
        ffmpeg's arguments.
    """
    reference = ffmpeg.input(media_url(source))[f"v:{info.video.index}"]
    reference = shown(info, reference, size, fields=by_fields(info, size))
    pair = [_numbered(side) for side in (ffmpeg.input(media_url(copy))["v:0"], reference)]
    # vmaf_4k_v0.6.1 is trained for a 4K screen, the default for full HD. Source: libvmaf, resource/doc/models.md.
    model = "version=vmaf_4k_v0.6.1" if min(size) > 1440 else "version=vmaf_v0.6.1"
    scored = ffmpeg.filter(pair, "libvmaf", model=model, log_path=str(log), log_fmt="json", n_threads=threads)
    return tuple(ffmpeg.output(scored, "-", f="null").compile()[1:])


def _numbered(video: Any) -> Any:
    return video.filter("format", "yuv420p").filter("settb", "1/25").filter("setpts", "N")


def vmaf(
    transcoder: Transcoder, copy: Path, source: Path, info: MediaInfo, size: tuple[int, int], report: Report
) -> float:
    """The mean VMAF of ``copy`` over all its frames: 100 is as good as the source, 0 is none of it.

    Args:
        transcoder: whose ffmpeg compares.
        copy: what was made; the scores are kept beside it while they are read.
        source: what it was made from.
        info: the facts of ``source``.
        size: of the copy, in pixels.
        report: where lines and progress go.

    Returns:
        The mean.

    Raises:
        CapabilityError: this ffmpeg cannot.
        FfmpegFailed, ProcessStalled, DiskFull.
    """
    require_vmaf(transcoder)
    log = copy.with_name(f"{copy.name}.vmaf.json")
    threads = transcoder.options.threads or os.cpu_count() or 1
    try:
        transcoder.run(comparison(copy, source, info, size, log, threads), report, info.duration)
        score = float(json.loads(log.read_text())["pooled_metrics"]["vmaf"]["mean"])
    finally:
        log.unlink(missing_ok=True)
    report.line(f"VMAF {score:.2f}")
    return score
