"""What golden command lines are made from, and how they are written down."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import Any

from reelmill.ffmpeg.reading.probe import MediaInfo, VideoTrack
from reelmill.ffmpeg.reading.tracks import AudioTrack


def info(audio: Sequence[str] = ("aac",), subtitles: Sequence[str] = (), **track: Any) -> MediaInfo:
    """Facts of a plain video, with some of its own."""
    facts: dict[str, Any] = {
        "index": 0,
        "codec": "h264",
        "profile": "High",
        "width": 640,
        "height": 360,
        "rotation": 0,
        "sample_aspect": Fraction(1),
        "frame_rate": Fraction(30000, 1001),
        "frames": 300,
        "pixel_format": "yuv420p",
        "full_range": False,
        "transfer": 1,
        "interlaced": False,
        "start": Fraction(0),
        "duration": Fraction(10),
    }
    video = VideoTrack(**(facts | track))
    tracks = tuple(AudioTrack(index, codec) for index, codec in enumerate(audio))
    return MediaInfo("mp4", None, 1, Fraction(10), None, video, tracks, tuple(subtitles))


def readable(command: Sequence[str]) -> str:
    """An option and its value on a line, a filter on a line."""
    text = ""
    for word in command:
        option = word.startswith("-") and len(word) > 1
        break_before = "\n" if text and (option or word == command[-1]) else "" if option else " "
        text += break_before + word.replace(";", ";\n  ")
    return text + "\n"
