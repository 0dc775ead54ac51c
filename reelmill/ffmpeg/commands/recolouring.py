"""Colours in a matrix that ffmpeg's scaler does not know, as a command that gives them another (pure)."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import ffmpeg

from reelmill.ffmpeg.commands.boxing import ENCODING
from reelmill.ffmpeg.commands.filters import arguments, matroska_texts
from reelmill.ffmpeg.reading.probe import MediaInfo, media_url

#: Code points of matrices (ITU-T H.273, table 4) that zimg converts from: YCgCo, and BT.2020 of constant luminance.
_YCGCO: Final = 8
_CONSTANT: Final = 10
CONVERTED: Final = (_YCGCO, _CONSTANT)


def recoloured(source: Path, info: MediaInfo, target: Path) -> tuple[str, ...]:
    """A Matroska file with colours that every scaler takes, at their own times; audio and text subtitles are kept.

    Args:
        source: the video.
        info: its facts.
        target: the file to write.

    Returns:
        ffmpeg's arguments.
    """
    media = ffmpeg.input(media_url(source))
    frames = media[f"v:{info.video.index}"]
    if info.video.matrix == _YCGCO:
        frames = frames.filter("zscale", matrix="709")
    elif info.video.matrix == _CONSTANT:
        known = {"primariesin": "2020", "primaries": "2020", "transferin": "709", "transfer": "709"}
        frames = frames.filter("zscale", matrix="2020_ncl", **known)
    else:
        frames = frames.filter("setparams", colorspace="unknown")
    texts, held = matroska_texts(info)
    options: dict[str, Any] = {**ENCODING.options(), "fps_mode:v": "passthrough", "enc_time_base:v": "filter"}
    options |= {"c:a": "copy", **held, "f": "matroska"}
    tracks = [media[f"a:{track.index}"] for track in info.audio] + [media[f"s:{place}"] for place in texts]
    return arguments(ffmpeg.output(frames, *tracks, media_url(target), **options))
