"""The command line of a web copy: encoded in one go, or its streams put into another container as they are."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import ffmpeg

from reelmill.ffmpeg.commands.colours import declared, wide
from reelmill.ffmpeg.commands.filters import FASTSTART, SDR_TAGS, arguments, companions, shown
from reelmill.ffmpeg.commands.frame_points import points_beside
from reelmill.ffmpeg.commands.web_audio import web_audio
from reelmill.ffmpeg.encoding import Encoding
from reelmill.ffmpeg.geometry import by_fields, level_rate, web_size
from reelmill.ffmpeg.reading.probe import MediaInfo, media_url


def reencode(
    source: Path, info: MediaInfo, target: Path, encoding: Encoding, points: Path | None = None
) -> tuple[str, ...]:
    """The web profile: H.264, AAC for every audio track, text subtitles and chapters kept, moov in front.

    Every source frame is encoded once, at its own time, so variable frame rates stay what they are; of interlaced ones
    each field.

    Args:
        source: the video.
        info: its facts.
        target: the mp4 to write.
        encoding: how to encode.
        points: a file to write with the points of each frame that is encoded; None: nobody needs them.

    Returns:
        ffmpeg's arguments.
    """
    media = ffmpeg.input(media_url(source))
    texts, kept = companions(media, info)
    heard, heard_options = web_audio(media, info, encoding)
    video, beside = points_beside(for_the_web(info, media[f"v:{info.video.index}"], encoding), points)
    options = {**each_once(info, encoding), **FASTSTART, **kept, **heard_options, "f": "mp4"}
    return arguments(*beside, ffmpeg.output(video, *heard, *texts, media_url(target), **options))


def for_the_web(info: MediaInfo, video: Any, encoding: Encoding) -> Any:
    """``video`` in upright square pixels of ``web_size``; as it is where it is that already."""
    size, track = web_size(info, encoding.max_height), info.video
    if track.plain and size == track.display_size and declared(track) and not wide(track):
        return video
    return shown(info, video, size, fields=by_fields(info, size))


def each_once(info: MediaInfo, encoding: Encoding) -> dict[str, Any]:
    """Output options that encode every frame once, at its own time."""
    size = web_size(info, encoding.max_height)
    fields = by_fields(info, size)
    # Frames of a field stand between the ticks of their source.
    clock = {"fps_mode:v": "passthrough", "enc_time_base:v": "filter" if fields or info.video.telecined else "demux"}
    options = {**encoding.options(), **encoding.bounds(size, level_rate(info) * (2 if fields else 1)), **clock}
    return options | SDR_TAGS if info.video.hdr or wide(info.video) else options


def remux(source: Path, info: MediaInfo, target: Path) -> tuple[str, ...]:
    """Video and audio as they are, text subtitles and chapters kept, into an mp4 with its moov in front."""
    media = ffmpeg.input(media_url(source))
    texts, kept = companions(media, info)
    streams = [media[f"v:{info.video.index}"], *(media[f"a:{track.index}"] for track in info.audio), *texts]
    options = {"c": "copy", **FASTSTART, **kept, "f": "mp4"}
    return arguments(ffmpeg.output(*streams, media_url(target), **options))
