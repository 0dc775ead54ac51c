"""Segments of one video as a film of their own: cut frame-exactly, audio with them, joined or faded."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import accumulate
from pathlib import Path
from typing import Any

import ffmpeg

from reelmill.ffmpeg.commands.excerpt import excerpt
from reelmill.ffmpeg.commands.filters import (
    AAC,
    FASTSTART,
    SDR_TAGS,
    UNLABELLED,
    arguments,
    filled,
    levelled,
    mixable,
    seconds,
    shown,
)
from reelmill.ffmpeg.commands.frame_points import points_beside
from reelmill.ffmpeg.encoding import Encoding
from reelmill.ffmpeg.geometry import web_size
from reelmill.ffmpeg.reading.probe import MediaInfo, media_url
from reelmill.ffmpeg.reading.seeking import SeekPoint

TimeRange = tuple[Fraction, Fraction]  # start and end, seconds of the source


@dataclass(frozen=True)
class Montage:
    """Segments of a video, in the order in which they are shown."""

    source: Path
    info: MediaInfo
    segments: Sequence[TimeRange]
    #: How the frame on show at each start is reached (``seeking.seek_points``). Without them the container must find
    #: each start, and each segment must hold a frame that begins in it, which those of a slide show need not.
    seek_points: Sequence[SeekPoint] = ()
    #: Frames that each segment but the last shares with the next, where they fade; 0 is a cut. Both hold those.
    fades: Sequence[int] = ()

    @property
    def rate(self) -> Fraction:
        """Frames per second."""
        return rate_of(self.info)


def joined(montage: Montage, target: Path, encoding: Encoding, points: Path | None = None) -> tuple[str, ...]:
    """Segments of one video, cut frame-exactly and joined in the order given, audio with them.

    Each segment is an input of its own, sought by keyframe and then decoded to its exact start, so that what lies
    between the segments is never decoded. One thread decodes each, since ffmpeg holds all of them open at once.

    Args:
        montage: whose segments do not overlap.
        target: the mp4 to write.
        encoding: how to encode.
        points: a file to write with the points of each frame that is encoded; None: nobody needs them.

    Returns:
        ffmpeg's arguments.
    """
    segments = _streams(montage, frames_of(montage.segments, montage.rate), soft=True)
    streams = [stream for segment in segments for stream in segment]
    heard = 1 if montage.info.audio_tracks else 0
    film = ffmpeg.filter_multi_output(streams, "concat", n=len(segments), v=1, a=heard)
    return _written([film[i] for i in range(1 + heard)], montage.info, target, encoding, points)


def joined_frames(montage: Montage, first: int = 0) -> Any:
    """The video of ``joined`` from the frame at ``first`` on, filtered; segments before it are not opened."""
    streams = _streams(montage, frames_of(montage.segments, montage.rate), soft=True, first=first)
    return ffmpeg.filter([video for video, *_ in streams], "concat", n=len(streams))


def joined_audio(montage: Montage) -> Any:
    """The audio of ``joined``, filtered."""
    streams = _streams(montage, frames_of(montage.segments, montage.rate), soft=True)
    return ffmpeg.filter([audio for _, audio in streams], "concat", n=len(streams), v=0, a=1)


def faded(
    montage: Montage, target: Path, encoding: Encoding, gain: float, points: Path | None = None
) -> tuple[str, ...]:
    """Each segment faded into the next, and the audio levelled.

    Args:
        montage: with its fades.
        target: the mp4 to write.
        encoding: how to encode.
        gain: of the audio, in dB.
        points: see ``joined``.

    Returns:
        ffmpeg's arguments.
    """
    video, *audio = _faded(montage)
    audio = [levelled(one, gain) for one in audio]
    return _written([video.filter("format", "yuv420p"), *audio], montage.info, target, encoding, points)


def faded_frames(montage: Montage, first: int = 0) -> Any:
    """The video of ``faded`` from the frame at ``first`` on, filtered."""
    return _from(_faded(montage)[0], first).filter("format", "yuv420p")


def faded_audio(montage: Montage, gain: float) -> Any:
    """The audio of ``faded``, filtered."""
    return levelled(_faded(montage)[1], gain)


def _streams(montage: Montage, counts: Sequence[int], *, soft: bool, first: int = 0) -> list[list[Any]]:
    """Video, and audio where there is any, of each segment that goes on beyond frame ``first``, from there."""
    rate = montage.rate
    reached = montage.seek_points or [SeekPoint(round(start * rate) / rate) for start, _ in montage.segments]
    streams, before = [], 0
    for segment, seek_point, frames in zip(montage.segments, reached, counts, strict=True):
        if before + frames > first:
            video, *audio = _segment(montage, segment, seek_point, frames, soft=soft)
            streams.append([_from(video, max(0, first - before)), *audio])
        before += frames
    return streams


def _faded(montage: Montage) -> list[Any]:
    """Video, and audio where there is any."""
    rate = montage.rate
    counts = [max(1, round((end - start) * rate)) for start, end in montage.segments]
    # What moves times forgets the rate, and a fade asks for one.
    streams = [[video.filter("fps", fps=str(rate)), *audio] for video, *audio in _streams(montage, counts, soft=False)]
    video, *audio = streams[0]
    starts = accumulate(frames - fade for frames, fade in zip(counts, montage.fades, strict=False))
    for begin, fade, (next_video, *next_audio) in zip(starts, montage.fades, streams[1:], strict=True):
        if fade:
            length, offset = seconds(fade / rate), seconds(begin / rate)
            video = ffmpeg.filter([video, next_video], "xfade", duration=length, offset=offset)
            audio = [ffmpeg.filter([*audio, *next_audio], "acrossfade", d=length)] if audio else []
        else:
            video = ffmpeg.filter([video, next_video], "concat", n=2)
            audio = [ffmpeg.filter([*audio, *next_audio], "concat", n=2, v=0, a=1)] if audio else []
    return [video, *audio]


def _from(video: Any, first: int) -> Any:
    return video.filter("trim", start_frame=first).filter("setpts", "PTS-STARTPTS") if first else video


def _segment(montage: Montage, segment: TimeRange, seek_point: SeekPoint, frames: int, *, soft: bool) -> list[Any]:
    """Video, and audio where there is any, of one segment; ``soft``: its audio's edges are."""
    info, rate, (start, end) = montage.info, montage.rate, segment
    first = _first(start, seek_point, rate)
    # Frames to leave out at the start, where the frame on show began long before.
    late = round((start - first) * rate) if start - first > 1 / rate else 0
    # On a frame's own time, less a tenth of a frame so that rounding to microseconds cannot skip that frame.
    begin = max(Fraction(0), first - 1 / (10 * rate))
    # Frames of another size or depth go on through the same filters, the first of which scales them: filters that begin
    # anew would end what came before with a frame too many.
    media = excerpt(montage.source, seek_point, begin, end, threads=1, reinit_filter=0)
    video = shown(info, media.video(info.video.index), web_size(info))
    video = video.filter("fps", fps=str(rate), start_time=0).filter("tpad", stop_mode="clone", stop=-1)
    if late:
        video = video.filter("trim", start_frame=late).filter("setpts", "PTS-STARTPTS")
    streams = [video.filter("trim", end_frame=frames).filter("format", "yuv420p")]
    if info.audio_tracks:
        heard = mixable(media.audio(info.audio[0].index), info.audio[0])
        heard = filled(heard, info.audio[0])
        streams.append(_exact_audio(heard, frames / rate, late / rate, soft=soft))
    return streams


def _first(start: Fraction, seek_point: SeekPoint, rate: Fraction) -> Fraction:
    """When the first frame of a segment begins: the one on show, or the next where that one is as near."""
    if seek_point.following is None or seek_point.following - start > 1 / (2 * rate):
        return seek_point.shown
    even = round(start * rate) / rate  # between two that are as near, as frames at an even rate are counted
    return min(seek_point.shown, seek_point.following, key=lambda time: (abs(time - start), abs(time - even)))


def _written(
    streams: Sequence[Any], info: MediaInfo, target: Path, encoding: Encoding, points: Path | None
) -> tuple[str, ...]:
    options: dict[str, Any] = {**encoding.options(), **FASTSTART, **UNLABELLED, "f": "mp4"}
    options |= encoding.bounds(web_size(info), rate_of(info))
    options |= AAC if info.audio_tracks else {}
    options |= tags(info)
    video, beside = points_beside(streams[0], points)
    return arguments(*beside, ffmpeg.output(video, *streams[1:], media_url(target), **options))


def tags(info: MediaInfo) -> dict[str, str]:
    """Output options by which a montage declares its colours."""
    return dict(SDR_TAGS) if info.video.hdr else {}


def rate_of(info: MediaInfo) -> Fraction:
    """Frames per second of a montage: the source's own, where it is one that frames can have."""
    rate = info.video.frame_rate
    return rate if rate is not None and 1 <= rate <= 120 else Fraction(25)


def frames_of(segments: Sequence[TimeRange], rate: Fraction) -> list[int]:
    """How many frames each segment gets (pure): the sum is off by half a frame, not by that for each segment."""
    counts, shown, total = [], 0, Fraction(0)
    for start, end in segments:
        total += end - start
        counts.append(max(1, round(total * rate) - shown))
        shown += counts[-1]
    return counts


def _exact_audio(audio: Any, length: Fraction, late: Fraction, *, soft: bool) -> Any:
    """Audio of exactly ``length`` seconds from ``late`` on; soft edges, over 20 ms, keep a join from clicking."""
    fade = Fraction(20, 1000)
    if late:
        audio = audio.filter("atrim", start=seconds(late)).filter("asetpts", "PTS-STARTPTS")
    audio = audio.filter("apad", whole_dur=seconds(length)).filter("atrim", duration=seconds(length))
    if not soft:
        return audio
    audio = audio.filter("afade", t="in", d=seconds(fade))
    return audio.filter("afade", t="out", st=seconds(max(Fraction(0), length - fade)), d=seconds(fade))
