"""The most bits a second that a web copy takes: what was asked for, or what the ladder gives its size (pure)."""

from __future__ import annotations

from dataclasses import replace

from reelmill.ffmpeg.encoding import Encoding
from reelmill.ffmpeg.geometry import level_rate, web_size
from reelmill.ffmpeg.planning.ladder import ladder_kbit
from reelmill.ffmpeg.planning.web_ready import WebFacts, video_kbit
from reelmill.ffmpeg.reading.probe import MediaInfo


def with_ceiling(encoding: Encoding, info: MediaInfo, facts: WebFacts) -> Encoding:
    """How a video is encoded: a ceiling of 0 becomes what the ladder gives it.

    Args:
        encoding: as it was asked for.
        info: the video's facts.
        facts: and those of ``web_facts``.

    Returns:
        The encoding with a ceiling that can be kept.
    """
    return replace(encoding, max_kbit=_ladder(encoding, info, facts)) if encoding.max_kbit == 0 else encoding


def ceiling_notes(encoding: Encoding, info: MediaInfo, facts: WebFacts) -> tuple[str, ...]:
    """That the ceiling asked for costs quality, where the ladder gives more; arguments as ``with_ceiling``'s.

    Returns:
        A sentence, or none.
    """
    asked, worth = encoding.max_kbit or 0, _ladder(encoding, info, facts)
    if not 0 < asked < worth:
        return ()
    (width, height), rate = web_size(info, encoding.max_height), float(level_rate(info))
    return (
        f"{asked} kbit/s is little for {width}x{height} at {rate:.4g} frames a second and costs quality where much "
        f"moves: target_bitrate=0 allows up to {worth}",
    )


def _ladder(encoding: Encoding, info: MediaInfo, facts: WebFacts) -> int:
    source = video_kbit(info, facts) or float("inf")
    return ladder_kbit(web_size(info, encoding.max_height), level_rate(info), encoding.codec, source)
