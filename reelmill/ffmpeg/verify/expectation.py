"""What a finished file must be, and how it differs (pure)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Final

from reelmill.ffmpeg.codecs import WEB
from reelmill.ffmpeg.finding import Finding, FindingKind
from reelmill.ffmpeg.reading.decode_report import AudioTiming, DecodeReport
from reelmill.ffmpeg.reading.probe import MediaInfo
from reelmill.ffmpeg.reading.source_reading import SourceReading
from reelmill.ffmpeg.verify.detail_asked import ANY_SETTINGS, DetailAsked
from reelmill.ffmpeg.verify.film_segments import FilmSegment

#: How far a duration may be off: a hundredth, and at least this many seconds (a frame of audio and one of video).
_LEEWAY: Final = Fraction(1, 10)


@dataclass(frozen=True)
class Source:
    """What a file is a whole copy of: its times, sync, colours, subtitles and chapters are compared with it."""

    path: Path
    info: MediaInfo
    tone_mapped: bool | None = True  # whether HDR was to become SDR; None: as the copy declares
    further_audio: int = 0  # audio tracks that the copy has after those of its source
    exact: bool = True  # every frame once and every track; else another constant rate or fewer tracks are noted
    detail: DetailAsked = ANY_SETTINGS  # that its encode was asked to keep
    reading: SourceReading | None = field(default=None, repr=False)  # that was made of it before

    @property
    def heard(self) -> Path:
        """The file to read its audio from, on its own clock."""
        beside = None if self.reading is None else self.reading.beside
        return self.path if beside is None else beside

    @property
    def shown(self) -> Path:
        """The file to take its frames from, by the time since its beginning."""
        copied = None if self.reading is None else self.reading.frames_copy
        return self.path if copied is None else copied


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
    points: bytes = field(default=b"", repr=False)  # of each frame that its encoder was given, where that is known
    source: Source | None = None  # where the file is a copy of a whole video
    segments: tuple[FilmSegment, ...] = ()  # where it was put together from others: what was taken from where

    @property
    def rough(self) -> bool:
        """Whether so little was asked of its encode that frames may be late."""
        asked = [segment.detail for segment in self.segments] if self.source is None else [self.source.detail]
        return any(detail.sparing for detail in asked)


def differences(info: MediaInfo, report: DecodeReport, expected: Expectation) -> Iterator[Finding]:
    """What of ``expected`` a file is not, by its facts and by what decoding it found; no source is read."""
    if expected.frames is not None and report.frames != expected.frames:
        yield Finding(FindingKind.FRAME_COUNT, got=report.frames, wanted=expected.frames)
    yield from kind_faults(info, expected)
    content = _content(report, expected.hold)
    if expected.duration is not None and not lasts(content, expected.duration):
        held, wanted = float(content or 0), float(expected.duration)
        kind = FindingKind.TOO_SHORT if held < wanted else FindingKind.TOO_LONG
        yield Finding(kind, got=held, wanted=wanted, limit=float(_leeway(expected.duration)))
    if expected.audio_throughout and expected.duration is not None and report.start is not None:
        for track, timing in enumerate(report.audio, 1):
            yield from _gaps(track, timing, report.start, expected.duration)


def _gaps(track: int, timing: AudioTiming | None, start: Fraction, length: Fraction) -> Iterator[Finding]:
    """Where an audio track has no samples between the first frame and the end."""
    if timing is None:
        yield Finding(FindingKind.AUDIO_UNDECODABLE, track=track)
        return
    begin, end = Fraction(timing.start) - start, Fraction(timing.end) - start
    if begin > _LEEWAY:
        yield Finding(FindingKind.AUDIO_BEGIN, got=float(begin), wanted=0.0, limit=float(_LEEWAY), track=track)
    if not lasts(end, length):
        limit = float(_leeway(length))
        yield Finding(FindingKind.AUDIO_END, got=float(end), wanted=float(length), limit=limit, track=track)
    if timing.hole > _LEEWAY:
        hole_at = timing.hole_at - float(start)
        yield Finding(FindingKind.AUDIO_HOLE, got=timing.hole, limit=float(_LEEWAY), track=track, at=hole_at)


def kind_faults(info: MediaInfo, expected: Expectation) -> Iterator[Finding]:
    """What of ``expected`` a file is not by its facts alone: codec, pixels, size, audio."""
    video = info.video
    if expected.codec not in (None, video.codec):
        yield Finding(FindingKind.CODEC, got=video.codec, wanted=expected.codec)
    elif expected.codec == WEB.name and WEB.levels and video.level > WEB.highest_level:
        yield Finding(FindingKind.LEVEL, got=video.level / 10, wanted=WEB.highest_level / 10)
    if expected.pixel_format not in (None, video.pixel_format):
        yield Finding(FindingKind.PIXEL_FORMAT, got=video.pixel_format, wanted=expected.pixel_format)
    if expected.size is not None and (video.width, video.height) != expected.size:
        yield Finding(FindingKind.SIZE, got=(video.width, video.height), wanted=expected.size)
    if expected.audio_tracks is not None and info.audio_tracks != expected.audio_tracks:
        yield Finding(FindingKind.AUDIO_TRACKS, got=info.audio_tracks, wanted=expected.audio_tracks)
    other = sorted(set(info.audio_codecs) - {expected.audio_codec})
    if expected.audio_codec is not None and other:
        yield Finding(FindingKind.AUDIO_CODEC, got=tuple(other), wanted=expected.audio_codec)


def _content(report: DecodeReport, hold: Fraction) -> Fraction | None:
    content = report.content
    if content is not None and report.start is not None and report.last is not None:
        content = max(content, report.last - report.start + hold)
    return content


def lasts(content: Fraction | None, wanted: Fraction) -> bool:
    """Whether ``content`` seconds are as good as ``wanted``: within 1 %, and a tenth of a second at least."""
    return content is not None and abs(content - wanted) <= _leeway(wanted)


def _leeway(wanted: Fraction) -> Fraction:
    return max(_LEEWAY, wanted / 100)


def cut_short(promised: Fraction, content: Fraction) -> bool:
    """Whether content misses more than a second, and more than 2 %, of what the container promises."""
    return promised - content > max(Fraction(1), promised / 50)
