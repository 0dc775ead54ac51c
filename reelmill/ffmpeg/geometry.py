"""Sizes of frames that both plans and commands need (pure)."""

from __future__ import annotations

from reelmill.ffmpeg.reading.probe import MediaInfo


def web_size(info: MediaInfo) -> tuple[int, int]:
    """Square pixels, upright, both sides even and at least 2: what H.264 in yuv420p needs."""
    width, height = info.video.display_size
    return max(2, width + width % 2), max(2, height + height % 2)
