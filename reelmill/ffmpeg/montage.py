"""Stretches of one video as a film of their own: cut frame-exactly, sound with them, joined or faded."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from itertools import accumulate
from pathlib import Path
from typing import Any

import ffmpeg

from reelmill.ffmpeg.build import AAC, FASTSTART, H264, SDR_TAGS, arguments, levelled, seconds, upright, web_size
from reelmill.ffmpeg.probe import MediaInfo, media_url

Span = tuple[Fraction, Fraction]  # start and end, seconds of the source


def joined(
    source: Path,
    info: MediaInfo,
    parts: Sequence[Span],
    target: Path,
    h264: H264,
    begun: Sequence[Fraction] | None = None,
) -> tuple[str, ...]:
    """Stretches of one video, cut frame-exactly and joined in the order given, sound with them.

    Each stretch is an input of its own, sought by keyframe and then decoded to its exact start, so that what lies
    between the stretches is never decoded. One thread decodes each, since ffmpeg holds all of them open at once.

    Args:
        source: the video.
        info: its facts.
        parts: start and end in seconds, none overlapping.
        target: the mp4 to write.
        h264: how to encode.
        begun: when the picture on show at each start began, in seconds (``analysis.frames.begun`` finds it); else
            each stretch must hold a picture that begins in it, which those of a slide show need not.
    """
    rate = rate_of(info)
    shown = begun or [start for start, _ in parts]
    counts = frames_of(parts, rate)
    streams: list[Any] = []
    for part, on_show, frames in zip(parts, shown, counts, strict=True):
        streams += _stretch(source, info, part, on_show, frames, rate, soft=True)
    heard = 1 if info.audio_tracks else 0
    film = ffmpeg.filter_multi_output(streams, "concat", n=len(parts), v=1, a=heard)
    return _written([film[i] for i in range(1 + heard)], info, target, h264)


def joined_pictures(
    source: Path, info: MediaInfo, parts: Sequence[Span], begun: Sequence[Fraction], first: int = 0
) -> Any:
    """The pictures of ``joined`` from the one at ``first`` on, filtered; stretches before it are not opened."""
    rate, before = rate_of(info), 0
    streams = []
    for part, on_show, frames in zip(parts, begun, frames_of(parts, rate), strict=True):
        if before + frames > first:
            video = _stretch(source, info, part, on_show, frames, rate, soft=True)[0]
            streams.append(_from(video, max(0, first - before)))
        before += frames
    return ffmpeg.filter(streams, "concat", n=len(streams))


def joined_sound(source: Path, info: MediaInfo, parts: Sequence[Span], begun: Sequence[Fraction]) -> Any:
    """The sound of ``joined``, filtered."""
    rate = rate_of(info)
    streams = [
        _stretch(source, info, part, on_show, frames, rate, soft=True)[1]
        for part, on_show, frames in zip(parts, begun, frames_of(parts, rate), strict=True)
    ]
    return ffmpeg.filter(streams, "concat", n=len(streams), v=0, a=1)


def faded(
    source: Path,
    info: MediaInfo,
    parts: Sequence[Span],
    fades: Sequence[int],
    target: Path,
    h264: H264,
    begun: Sequence[Fraction],
    gain: float,
) -> tuple[str, ...]:
    """The same with each stretch faded into the next, and its sound levelled.

    Args:
        source: the video.
        info: its facts.
        parts: start and end in seconds, in the order given; what is faded belongs to both neighbours.
        fades: frames that each part but the last shares with the next; 0 is a cut.
        target: the mp4 to write.
        h264: how to encode.
        begun: as ``joined`` has it.
        gain: of the sound, in dB.
    """
    picture, *sound = _faded(source, info, parts, fades, begun)
    sound = [levelled(one, gain) for one in sound]
    return _written([picture.filter("format", "yuv420p"), *sound], info, target, h264)


def faded_pictures(
    source: Path,
    info: MediaInfo,
    parts: Sequence[Span],
    fades: Sequence[int],
    begun: Sequence[Fraction],
    first: int = 0,
) -> Any:
    """The pictures of ``faded`` from the one at ``first`` on, filtered."""
    return _from(_faded(source, info, parts, fades, begun)[0], first).filter("format", "yuv420p")


def faded_sound(
    source: Path,
    info: MediaInfo,
    parts: Sequence[Span],
    fades: Sequence[int],
    begun: Sequence[Fraction],
    gain: float,
) -> Any:
    """The sound of ``faded``, filtered."""
    return levelled(_faded(source, info, parts, fades, begun)[1], gain)


def _faded(
    source: Path, info: MediaInfo, parts: Sequence[Span], fades: Sequence[int], begun: Sequence[Fraction]
) -> list[Any]:
    """Picture, and sound where there is any."""
    rate = rate_of(info)
    counts = [max(1, round((end - start) * rate)) for start, end in parts]
    stretches = [
        _stretch(source, info, part, on_show, frames, rate, soft=False)
        for part, on_show, frames in zip(parts, begun, counts, strict=True)
    ]
    # What moves times forgets the rate, and a fade asks for one.
    stretches = [[picture.filter("fps", fps=str(rate)), *sound] for picture, *sound in stretches]
    picture, *sound = stretches[0]
    starts = accumulate(frames - fade for frames, fade in zip(counts, fades, strict=False))
    for begin, fade, (next_picture, *next_sound) in zip(starts, fades, stretches[1:], strict=True):
        if fade:
            length, offset = seconds(fade / rate), seconds(begin / rate)
            picture = ffmpeg.filter([picture, next_picture], "xfade", duration=length, offset=offset)
            sound = [ffmpeg.filter([*sound, *next_sound], "acrossfade", d=length)] if sound else []
        else:
            picture = ffmpeg.filter([picture, next_picture], "concat", n=2)
            sound = [ffmpeg.filter([*sound, *next_sound], "concat", n=2, v=0, a=1)] if sound else []
    return [picture, *sound]


def _from(video: Any, first: int) -> Any:
    return video.filter("trim", start_frame=first).filter("setpts", "PTS-STARTPTS") if first else video


def _stretch(
    source: Path, info: MediaInfo, part: Span, on_show: Fraction, frames: int, rate: Fraction, *, soft: bool
) -> list[Any]:
    """Picture, and sound where there is any, of one stretch; ``soft``: its sound's edges are."""
    width, height = web_size(info)
    start, end = part
    # Frames to leave out at the start, where the picture on show began long before.
    late = round((start - on_show) * rate) if start - on_show > 1 / rate else 0
    # On a picture's own time, less a tenth of a frame so that rounding to microseconds cannot skip that picture.
    first = on_show if late else round(start * rate) / rate
    begin = max(Fraction(0), first - 1 / (10 * rate))
    media = ffmpeg.input(media_url(source), ss=seconds(begin), t=seconds(end - begin), threads=1)
    video = upright(info, media[f"v:{info.video.index}"])
    video = video.filter("scale", width, height, out_range="tv").filter("setsar", 1)
    video = video.filter("fps", fps=str(rate), start_time=0).filter("tpad", stop_mode="clone", stop=-1)
    if late:
        video = video.filter("trim", start_frame=late).filter("setpts", "PTS-STARTPTS")
    streams = [video.filter("trim", end_frame=frames).filter("format", "yuv420p")]
    if info.audio_tracks:
        streams.append(_sound(media, frames / rate, late / rate, soft=soft))
    return streams


def _written(streams: Sequence[Any], info: MediaInfo, target: Path, h264: H264) -> tuple[str, ...]:
    options: dict[str, Any] = {**h264.options(), **FASTSTART, "f": "mp4", **(AAC if info.audio_tracks else {})}
    options |= tags(info)
    return arguments(ffmpeg.output(*streams, media_url(target), **options))


def tags(info: MediaInfo) -> dict[str, str]:
    """What a montage says of its colours, as output options."""
    return dict(SDR_TAGS) if info.video.hdr else {}


def rate_of(info: MediaInfo) -> Fraction:
    """Frames per second of a montage: the source's own, where it is one that pictures can have."""
    rate = info.video.frame_rate
    return rate if rate is not None and 1 <= rate <= 120 else Fraction(25)


def frames_of(parts: Sequence[Span], rate: Fraction) -> list[int]:
    """How many frames each stretch gets (pure): rounded so that the sum is off by half a frame at most, not by half a
    frame a stretch.
    """
    counts, shown, total = [], 0, Fraction(0)
    for start, end in parts:
        total += end - start
        counts.append(max(1, round(total * rate) - shown))
        shown += counts[-1]
    return counts


def _sound(media: Any, length: Fraction, late: Fraction, *, soft: bool) -> Any:
    """Sound of exactly ``length`` seconds from ``late`` on; soft edges, over 20 ms, keep a join from clicking."""
    fade = Fraction(20, 1000)
    sound = media["a:0"].filter("aresample", 48000, **{"async": 1, "first_pts": 0})
    if late:
        sound = sound.filter("atrim", start=seconds(late)).filter("asetpts", "PTS-STARTPTS")
    sound = sound.filter("apad", whole_dur=seconds(length)).filter("atrim", duration=seconds(length))
    if not soft:
        return sound
    sound = sound.filter("afade", t="in", d=seconds(fade))
    return sound.filter("afade", t="out", st=seconds(max(Fraction(0), length - fade)), d=seconds(fade))
