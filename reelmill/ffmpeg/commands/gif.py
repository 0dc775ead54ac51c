"""Animated GIFs: command lines, and how small one must become to fit a size limit. Pure, as ``filters`` is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any, Final

import ffmpeg

from reelmill.ffmpeg.commands.colours import in_own_matrix
from reelmill.ffmpeg.commands.excerpt import excerpt
from reelmill.ffmpeg.commands.filters import arguments, upright
from reelmill.ffmpeg.reading.probe import MediaInfo, media_url
from reelmill.ffmpeg.reading.seeking import SeekPoint

#: Parts of the width and of the rate asked for, from all to the least that is still worth looking at.
_LADDER: Final = tuple(
    (Fraction(width, 100), Fraction(rate, 100))
    for width, rate in (
        (100, 100), (90, 100), (80, 100), (80, 80), (70, 80), (60, 80), (60, 65), (50, 65), (50, 50), (45, 50),
        (40, 50), (35, 50), (30, 50), (30, 40), (25, 40), (25, 35), (20, 35),
    )
)  # fmt: skip
_LEAST_WIDTH: Final = 16
_LEAST_RATE: Final = 3

#: How bytes grow with width and rate. Measured on three films of the shared clips, 240 to 480 wide, 6 to 12 frames a
#: second: 1.86 to 1.87, and 0.70 to 0.81.
_BY_WIDTH: Final = 1.85
_BY_RATE: Final = 0.75
#: What a prediction may come to, as a share of the limit.
_MARGIN: Final = 0.95

#: An ordered pattern stands still where the frame does, so those pixels need not be written again: up to 41 % smaller
#: than error diffusion on the same films, and 4 % larger at worst.
_DITHER: Final = {"dither": "bayer", "bayer_scale": 5, "diff_mode": "rectangle"}

_LIKE_NOTHING: Final = "0xfe02fd"
_ASIDE: Final = Fraction(1, 10_000)


@dataclass(frozen=True)
class GifSegment:
    """The segment of a video that is shown; times in seconds from its start."""

    source: Path
    info: MediaInfo
    start: Fraction
    length: Fraction
    seek_point: SeekPoint  # how the frame on show at ``start`` is reached (``decode.decoded_seek_point`` finds it)

    def frames(self, fps: int) -> int:
        """How many frames it is at this rate."""
        return max(1, round(self.length * fps))


@dataclass(frozen=True)
class Step:
    """One size and rate a GIF may have."""

    width: int  # pixels
    height: int
    fps: int  # frames a second

    def __str__(self) -> str:
        return f"{self.width}x{self.height} at {self.fps} frames a second"

    @property
    def weight(self) -> float:
        """What its bytes are in proportion to."""
        return float(self.width**_BY_WIDTH * self.fps**_BY_RATE)


def ladder(info: MediaInfo, width: int, fps: int) -> tuple[Step, ...]:
    """Sizes and rates to try, the wanted one first, each smaller than the one before.

    Args:
        info: of the video, whose own width is never exceeded.
        width: wanted, in pixels.
        fps: wanted frames a second.

    Returns:
        One step at least.
    """
    shown_width, shown_height = info.video.display_size
    widest = min(width, shown_width)
    steps: dict[Step, None] = {}
    for narrower, slower in _LADDER:
        across = max(min(widest, _LEAST_WIDTH), round(widest * narrower))
        rate = max(min(fps, _LEAST_RATE), round(fps * slower))
        steps[Step(across, max(1, round(Fraction(across * shown_height, shown_width))), rate)] = None
    return tuple(steps)


def smaller(steps: Sequence[Step], tried: Step, size: float, limit: int) -> Step | None:
    """The next step to try; None where the last one was tried.

    Args:
        steps: of the ladder.
        tried: the step that was too large.
        size: what it took, in bytes.
        limit: what is allowed, in bytes.

    Returns:
        The first step that is expected to fit, else the last one.
    """
    rest = steps[steps.index(tried) + 1 :]
    for step in rest:
        if size * step.weight / tried.weight <= limit * _MARGIN:
            return step
    return rest[-1] if rest else None


def palette(segment: GifSegment, step: Step, target: Path) -> tuple[str, ...]:
    """First pass: the 256 colours that what moves in the segment needs most, as a PNG."""
    # A pixel is counted when it goes, so the last frame counts only where one of another colour follows.
    video = _frames(segment, step).filter("tpad", stop=1, color=_LIKE_NOTHING)
    colours = video.filter("palettegen", stats_mode="diff")
    image = {"frames:v": 1, "c:v": "png", "f": "image2", "update": 1}
    return arguments(ffmpeg.output(colours, media_url(target), **image))


def film(segment: GifSegment, step: Step, colours: Path, target: Path, *, stop: int) -> tuple[str, ...]:
    """Second pass: the GIF, which loops for ever.

    Args:
        segment: what is shown.
        step: the size and rate.
        colours: what ``palette`` wrote.
        target: the GIF to write.
        stop: bytes after which ffmpeg gives up, ending with success and fewer frames than asked for.

    Returns:
        ffmpeg's arguments.
    """
    chosen = ffmpeg.input(media_url(colours), f="png_pipe")  # not image2, to which a % in the path means something
    video = ffmpeg.filter([_frames(segment, step), chosen], "paletteuse", **_DITHER)
    return arguments(ffmpeg.output(video, media_url(target), **{"f": "gif", "loop": 0, "fs": stop}))


def _frames(segment: GifSegment, step: Step) -> Any:
    """The segment at its size and rate, exactly as many frames as it is to have, the last one repeated if need be."""
    info = segment.info
    # After the start, where the video begins later than the audio.
    on_show = min(segment.seek_point.shown, segment.start)
    begin = on_show - _ASIDE  # so that rounding to microseconds does not skip the frame that begins then
    end = segment.start + segment.length
    # Of frames of another size or depth the first filter that scales makes the same: see ``montage``.
    video = excerpt(segment.source, segment.seek_point, begin, end, reinit_filter=0).video(info.video.index)
    if info.video.interlaced:  # before lines and fields are lost
        video = upright(info, video)
    elif not info.video.hdr:
        video = in_own_matrix(info.video, video)
    late = round((segment.start - on_show) * step.fps)  # frames to leave out, where it began long before
    video = video.filter("fps", fps=step.fps, start_time=0, eof_action="pass").filter(
        "tpad", stop_mode="clone", stop=-1
    )
    video = video.filter("trim", start_frame=late, end_frame=late + segment.frames(step.fps))
    video = video.filter("setpts", "PTS-STARTPTS").filter("scale", step.width, step.height, flags="lanczos")
    if info.video.hdr and not info.video.interlaced:
        # Tone mapping costs the most by far, so it gets the small frames; odd sizes forbid halved colour.
        video = upright(info, video.filter("format", "yuv444p10le"))
    return video.filter("setsar", 1)
