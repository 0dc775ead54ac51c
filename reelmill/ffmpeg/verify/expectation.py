"""What a finished file must be, and how it differs (pure)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Final

from reelmill.ffmpeg.codecs import WEB
from reelmill.ffmpeg.reading.decode_report import AudioTiming, DecodeReport
from reelmill.ffmpeg.reading.probe import MediaInfo
from reelmill.ffmpeg.verify.film_segments import FilmSegment

#: How far a duration may be off: a hundredth, and at least this many seconds (a frame of audio and one of video).
_LEEWAY: Final = Fraction(1, 10)


@dataclass(frozen=True)
class Source:
    """What a file is a whole copy of: its times, sync, colours, subtitles and chapters are compared with it."""

    path: Path
    info: MediaInfo
    tone_mapped: bool | None = True  # whether HDR was to become SDR; None: as the copy declares


@dataclass(frozen=True)
class Expectation:
    """What a finished video must be; None leaves a point open."""

    duration: Fraction | None = None  # seconds, of what can be seen and heard
    hold: Fraction = Fraction(0)  # how long the last frame should stand; an mp4 with B-frames may cut that short
    frames: int | None = None
    size: tuple[int, int] | None = None  # pixels
    codec: str | None = WEB.name
    pixel_format: str | None = "yuv420p"
    audio_tracks: int | None = None
    audio_codec: str | None = "aac"
    audio_throughout: bool = False  # each audio track from the first frame to the end of ``duration``
    tone_mapped: bool = False  # from HDR: must declare BT.709
    faststart: bool = True  # of an mp4: its index in front
    source: Source | None = None  # where the file is a copy of a whole video
    segments: tuple[FilmSegment, ...] = ()  # where it was put together from others: what was taken from where


def differences(info: MediaInfo, report: DecodeReport, expected: Expectation) -> Iterator[str]:
    """What of ``expected`` a file is not, by its facts and by what decoding it found; no source is read."""
    if expected.frames is not None and report.frames != expected.frames:
        yield f"{report.frames} frames where {expected.frames} were encoded"
    yield from kind_faults(info, expected)
    content = _content(report, expected.hold)
    if expected.duration is not None and not lasts(content, expected.duration):
        shown = "nothing" if content is None else f"{float(content):.2f} s"
        yield f"it holds {shown} of the {float(expected.duration):.2f} s wanted"
    if expected.audio_throughout and expected.duration is not None and report.start is not None:
        for track, timing in enumerate(report.audio, 1):
            yield from _gaps(f"audio track {track}", timing, report.start, expected.duration)


def _gaps(name: str, timing: AudioTiming | None, start: Fraction, length: Fraction) -> Iterator[str]:
    """Where an audio track has no samples between the first frame and the end."""
    if timing is None:
        yield f"{name} does not decode"
        return
    begin, end = Fraction(timing.start) - start, Fraction(timing.end) - start
    if begin > _LEEWAY:
        yield f"{name} begins {float(begin):.2f} s in"
    if not lasts(end, length):
        yield f"{name} ends after {float(end):.2f} s of {float(length):.2f} s"
    if timing.hole > _LEEWAY:
        yield f"{name} has a hole of {timing.hole:.2f} s at {timing.hole_at:.2f} s"


def kind_faults(info: MediaInfo, expected: Expectation) -> Iterator[str]:
    """What of ``expected`` a file is not by its facts alone: codec, pixels, size, audio."""
    video = info.video
    if expected.codec not in (None, video.codec):
        yield f"its codec is {video.codec}, not {expected.codec}"
    if expected.pixel_format not in (None, video.pixel_format):
        yield f"its pixels are {video.pixel_format}, not {expected.pixel_format}"
    if expected.size is not None and (video.width, video.height) != expected.size:
        yield f"it is {video.width}x{video.height}, not {expected.size[0]}x{expected.size[1]}"
    if expected.audio_tracks is not None and info.audio_tracks != expected.audio_tracks:
        yield f"{info.audio_tracks} audio tracks where {expected.audio_tracks} were wanted"
    other = sorted(set(info.audio_codecs) - {expected.audio_codec})
    if expected.audio_codec is not None and other:
        yield f"its audio is {' and '.join(other)}, not {expected.audio_codec}"


def _content(report: DecodeReport, hold: Fraction) -> Fraction | None:
    content = report.content
    if content is not None and report.start is not None and report.last is not None:
        content = max(content, report.last - report.start + hold)
    return content


def lasts(content: Fraction | None, wanted: Fraction) -> bool:
    """Whether ``content`` seconds are as good as ``wanted``: within 1 %, and a tenth of a second at least."""
    return content is not None and abs(content - wanted) <= max(_LEEWAY, wanted / 100)


def cut_short(promised: Fraction, content: Fraction) -> bool:
    """Whether content misses more than a second, and more than 2 %, of what the container promises."""
    return promised - content > max(Fraction(1), promised / 50)
