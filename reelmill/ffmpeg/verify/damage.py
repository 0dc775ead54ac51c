"""What decoding found wrong with a file, in one sentence (pure)."""

from __future__ import annotations

from reelmill.ffmpeg.reading.decode_report import DecodeReport
from reelmill.ffmpeg.reading.probe import MediaInfo
from reelmill.ffmpeg.verify.expectation import cut_short


def fault(name: str, info: MediaInfo, report: DecodeReport) -> str | None:
    """One sentence on what is wrong with a file, or None (pure)."""
    if report.errors:
        more = f" and {len(report.errors) - 1} more" if len(report.errors) > 1 else ""
        return f"{name} is damaged: {report.errors[0]}{more}."
    if report.frames == 0:
        return f"{name} holds no frame that decodes."
    promised, held = info.duration, report.reach
    if promised is not None and held is not None and cut_short(promised, held):
        return f"{name} is cut short: it promises {float(promised):.1f} s and holds {float(held):.1f} s."
    return None


def incomplete(info: MediaInfo, report: DecodeReport) -> bool:
    """Whether a file lacks what no copy of it can make up for: all of its frames, or its end (pure)."""
    promised, held = info.duration, report.reach
    ends_early = promised is not None and held is not None and cut_short(promised, held)
    return report.frames == 0 or ends_early
