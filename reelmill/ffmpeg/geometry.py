"""Sizes of frames that both plans and commands need (pure)."""

from __future__ import annotations

from fractions import Fraction
from typing import Final

from reelmill.ffmpeg.levels import HIGHEST
from reelmill.ffmpeg.reading.probe import MediaInfo

#: The usual sizes, by their lines, to which a video is made smaller that no level would hold.
_USUAL_LINES: Final = (2160, 1440, 1080, 720, 576, 480, 360, 240)
_WIDE: Final = Fraction(16, 9)
#: Frames a second of a video that does not say, and the most that is believed: more is a clock's, and no rate.
_USUAL_RATE: Final = Fraction(30)
_MOST_RATE: Final = Fraction(240)
#: How many of the frames of a telecined video are a film's.
OF_FILM: Final = Fraction(4, 5)
#: Frames a second that screens show.
_MOST_SHOWN: Final = Fraction(60)


def web_size(info: MediaInfo, max_height: int = 0) -> tuple[int, int]:
    """Square pixels, upright, both sides even and at least 2, within H.264's level 5.1: what browsers surely play.

    Args:
        info: the video's facts.
        max_height: lines of the 16:9 frame that the copy must fit into, which is turned where the video is upright:
            1080 is 1920x1080, or 1080x1920. 0: the source's own size.

    Returns:
        Width and height in pixels; never more than the source's.
    """
    shown = info.video.display_size
    size = _even(shown if max_height == 0 else _within(shown, max_height))
    rate = level_rate(info)
    if HIGHEST.holds(size, rate):
        return size
    smaller = (_even(_within(shown, min(lines, max_height or lines))) for lines in _USUAL_LINES)
    return next((found for found in smaller if HIGHEST.holds(found, rate)), _even(_within(shown, _USUAL_LINES[-1])))


def by_fields(info: MediaInfo, size: tuple[int, int]) -> bool:
    """Whether each field of a video becomes a frame of its copy: it is interlaced, and players take so many frames.

    Args:
        info: the video's facts.
        size: of the copy, in pixels.

    Returns:
        Whether it does.
    """
    rate = 2 * level_rate(info)
    return info.video.interlaced and not info.video.telecined and rate <= _MOST_SHOWN and HIGHEST.holds(size, rate)


def level_rate(info: MediaInfo) -> Fraction:
    """Frames a second of a video by which its level is chosen."""
    rate = min(info.video.frame_rate or _USUAL_RATE, _MOST_RATE)
    return rate * OF_FILM if info.video.telecined else rate


def _within(size: tuple[int, int], lines: int) -> tuple[Fraction, Fraction]:
    """``size`` made to fit into a frame of 16:9 of so many lines, turned as it is."""
    scale = min(Fraction(1), Fraction(lines, min(size)), _WIDE * lines / max(size))
    return size[0] * scale, size[1] * scale


def _even(size: tuple[int, int] | tuple[Fraction, Fraction]) -> tuple[int, int]:
    """Both sides even: the next even number of pixels of a whole number, else the nearest."""
    width, height = (max(2, 2 * _halves(Fraction(side) / 2)) for side in size)
    return width, height


def _halves(half: Fraction) -> int:
    return int(half + Fraction(1, 2))
