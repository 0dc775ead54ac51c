"""Is a finished file what it should be? ffmpeg's exit code is never proof, so the file itself is asked."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Final

from reelmill.errors import InputError, OutputRejected
from reelmill.ffmpeg.decode import check_whole
from reelmill.ffmpeg.probe import MediaInfo, probe

#: How far a duration may be off: a hundredth, and at least this many seconds (an audio frame and a picture).
_LEEWAY: Final = Fraction(1, 10)


@dataclass(frozen=True)
class Expectation:
    """What a finished video must be; None leaves a point open."""

    duration: Fraction | None = None  # seconds, of what can be seen and heard
    hold: Fraction = Fraction(0)  # how long the last picture should stand; an mp4 with B-frames may cut that short
    frames: int | None = None
    size: tuple[int, int] | None = None  # pixels
    codec: str = "h264"
    audio_tracks: int | None = None


def verify(path: Path, expected: Expectation, name: str | None = None) -> MediaInfo:
    """Probe and decode all of ``path`` and compare.

    Args:
        path: the finished file.
        expected: what it must be.
        name: what a person knows it by.

    Raises:
        OutputRejected: with every point in which it differs.
    """
    try:
        info = probe(path)
    except InputError as error:
        raise OutputRejected(f"{name or path.name}, just made, was thrown away: {error}") from error
    report = check_whole(path)
    faults = list(report.errors[:3])
    if report.frames == 0:
        faults.append("no picture decodes")
    if not report.ordered:
        faults.append("its pictures go back in time")
    if expected.frames is not None and report.frames != expected.frames:
        faults.append(f"{report.frames} pictures where {expected.frames} were encoded")
    content = report.content
    if content is not None and report.start is not None and report.last is not None:
        content = max(content, report.last - report.start + expected.hold)
    faults += _compare(info, content, expected)
    if faults:
        raise OutputRejected(f"{name or path.name}, just made, was thrown away: {'; '.join(faults)}.")
    return info


def _compare(info: MediaInfo, content: Fraction | None, expected: Expectation) -> list[str]:
    faults = []
    video = info.video
    if video.codec != expected.codec:
        faults.append(f"its codec is {video.codec}, not {expected.codec}")
    if expected.size is not None and (video.width, video.height) != expected.size:
        faults.append(f"it is {video.width}x{video.height}, not {expected.size[0]}x{expected.size[1]}")
    if expected.audio_tracks is not None and info.audio_tracks != expected.audio_tracks:
        faults.append(f"{info.audio_tracks} sound tracks where {expected.audio_tracks} were wanted")
    if expected.duration is not None and not lasts(content, expected.duration):
        shown = "nothing" if content is None else f"{float(content):.2f} s"
        faults.append(f"it holds {shown} of the {float(expected.duration):.2f} s wanted")
    return faults


def lasts(content: Fraction | None, wanted: Fraction) -> bool:
    """Whether ``content`` seconds are as good as ``wanted``: within 1 %, and a tenth of a second at least."""
    return content is not None and abs(content - wanted) <= max(_LEEWAY, wanted / 100)


def faststart(path: Path) -> bool:
    """Whether an mp4's index stands before its pictures, so that a browser can start before the end has come."""
    with path.open("rb") as file:
        while len(header := file.read(8)) == 8:
            size, kind = int.from_bytes(header[:4], "big"), header[4:]
            if kind in (b"moov", b"mdat"):
                return kind == b"moov"
            if size == 1:
                size = int.from_bytes(file.read(8), "big") - 8
            if size < 8:
                return False
            file.seek(size - 8, 1)
    return False
