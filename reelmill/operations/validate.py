"""Validate: does the file still open, and does what is in it decode?"""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict

from reelmill.catalogue import queries
from reelmill.catalogue.engine import session
from reelmill.catalogue.models import utc_now
from reelmill.errors import InputError
from reelmill.ffmpeg.decode import check_whole, check_windows
from reelmill.ffmpeg.probe import MediaInfo, probe
from reelmill.ffmpeg.tally import DecodeReport
from reelmill.ffmpeg.verify import cut_short
from reelmill.operations.records import describe
from reelmill.operations.workbench import Workbench

Depth = Literal["quick", "full"]


class ValidateResult(BaseModel):
    """What a check found."""

    model_config = ConfigDict(frozen=True)

    path: str
    valid: bool
    reason: str | None  # why not
    depth: Depth
    frames: int  # pictures decoded


def validate(bench: Workbench, video_id: str, *, depth: Depth = "quick") -> ValidateResult:
    """Probe and decode a video, and bring its record up to date; an invalid one is a result, not an error.

    Args:
        bench: what to work with.
        video_id: which video.
        depth: ``quick`` decodes the first, middle and last seconds, ``full`` everything.

    Raises:
        UnknownVideo: there is no such video.
        FileMissing: its file is gone.
    """
    with session() as opened:
        video = queries.get_video(opened, video_id)
    bench.report.line(f"input: {video.path}")
    path = bench.source(video)
    info, frames, reason = _examine(bench, path, depth)
    with session() as opened:
        video = queries.get_video(opened, video_id)
        stat = path.stat()
        if (stat.st_size, stat.st_mtime_ns) != (video.size, video.mtime_ns):
            video.recipe = None  # whatever it was made by, somebody has replaced it
        video.size, video.mtime_ns = stat.st_size, stat.st_mtime_ns
        if info is not None:
            describe(video, info)
        video.is_valid, video.validation_error = reason is None, reason
        video.missing_since, video.updated_at = None, utc_now()
        opened.add(video)
    bench.report.line(f"{video.path} is {'valid' if reason is None else f'invalid: {reason}'}")
    return ValidateResult(path=video.path, valid=reason is None, reason=reason, depth=depth, frames=frames)


def _examine(bench: Workbench, path: Path, depth: Depth) -> tuple[MediaInfo | None, int, str | None]:
    try:
        info = probe(path)
        if depth == "full":
            report = check_whole(path, on_progress=lambda fraction: bench.report.progress(fraction, "decoding"))
        else:
            report = check_windows(path, info.duration)
    except InputError as error:
        return None, 0, str(error)
    return info, report.frames, fault(path.name, info, report)


def fault(name: str, info: MediaInfo, report: DecodeReport) -> str | None:
    """One sentence on what is wrong with a file, or None (pure)."""
    if report.errors:
        more = f" and {len(report.errors) - 1} more" if len(report.errors) > 1 else ""
        return f"{name} is damaged: {report.errors[0]}{more}."
    if report.frames == 0:
        return f"{name} holds no picture that decodes."
    promised, held = info.duration, report.reach
    if promised is not None and held is not None and cut_short(promised, held):
        return f"{name} is cut short: it promises {float(promised):.1f} s and holds {float(held):.1f} s."
    return None
