"""One frame of a video as a JPEG: the command line. Pure, as ``filters`` is."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any, Final

import ffmpeg

from reelmill.ffmpeg.commands.excerpt import excerpt
from reelmill.ffmpeg.commands.filters import arguments, upright
from reelmill.ffmpeg.reading.probe import MediaInfo, media_url
from reelmill.ffmpeg.reading.seeking import SeekPoint

_ASIDE: Final = Fraction(1, 10_000)


def still(
    source: Path, info: MediaInfo, seek_point: SeekPoint, target: Path, *, width: int, keyframe: bool
) -> tuple[str, ...]:
    """One JPEG, upright, square pixels, ``width`` wide.

    Args:
        source: the video.
        info: its facts.
        seek_point: how the frame is reached.
        target: the image to write.
        width: in pixels.
        keyframe: take the nearest keyframe before that frame instead of decoding up to it.

    Returns:
        ffmpeg's arguments.
    """
    at, reading = seek_point.shown, dict[str, Any]()
    if keyframe and seek_point.seek is None:
        reading = {"noaccurate_seek": None, "skip_frame": "nokey"}
    elif keyframe and seek_point.keyframe is not None:
        at = seek_point.keyframe
    # A little aside, so that rounding to microseconds skips neither the frame nor the keyframe that begins then.
    begin = at + _ASIDE if reading else at - _ASIDE
    video = upright(info, excerpt(source, seek_point, begin, **reading).video(info.video.index))
    shown_width, shown_height = info.video.display_size
    height = max(2, round(Fraction(width * shown_height, shown_width)))
    # In BT.601 and full range, which viewers take every JPEG to be in (ITU-T T.871).
    video = video.filter("scale", width, height, out_range="pc", out_color_matrix="bt601").filter("setsar", 1)
    # Passed through, because a keyframe before the time asked for has a time below zero, which is dropped otherwise.
    jpeg = {"frames:v": 1, "fps_mode:v": "passthrough", "c:v": "mjpeg", "q:v": 3, "pix_fmt": "yuvj420p"}
    # However damaged its surroundings are: what is written is compared with the frame.
    damage = {"max_error_rate": 1}
    return arguments(ffmpeg.output(video, media_url(target), **jpeg, **damage, f="image2", update=1))
