"""Does an image show the frame that it was made of? Judged by its pixels, as they are read back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import ceil
from typing import Final, Self

import numpy as np
from av.video.frame import VideoFrame
from numpy.typing import NDArray

from reelmill.errors import OutputRejected
from reelmill.ffmpeg.finding import Finding, FindingKind, in_words
from reelmill.ffmpeg.reading.frames.raster import FINE_SIDE, SIDE, WHOLE, Box, Raster, has_alpha, image_raster, raster
from reelmill.ffmpeg.verify.matches.frames_match import Judge

#: Brightness that RGB does not hold is cut off in an image; where a cell loses so much of it, of 1, it counts.
_BEYOND: Final = 0.01
#: What is judged by how levels of an image grow with those of its frame.
_BY_LEVELS: Final = (FindingKind.TOO_MUCH_CONTRAST, FindingKind.TOO_LITTLE_CONTRAST, FindingKind.OTHER_MATRIX)


@dataclass(frozen=True)
class ImageSource:
    """A frame that an image is made of."""

    at: float  # seconds of its video
    raster: Raster | None  # None where it cannot be compared: parts of it are transparent
    mapped: bool = False  # from high dynamic range to standard
    cut_off: bool = False  # it has more than an image can hold: the raster is what is left

    @classmethod
    def of(cls, frame: VideoFrame, at: float, box: Box = WHOLE, *, mapped: bool = False) -> Self:
        """What is kept of a decoded frame.

        Args:
            frame: as it is stored.
            at: when it is shown, in seconds.
            box: what of it the image shows.
            mapped: from high dynamic range to standard.

        Returns:
            The frame, small.
        """
        if has_alpha(frame):
            return cls(at, None)
        kept = raster(frame, box)
        held = raster(frame, box, cut_off=True)
        cut = bool(np.abs(kept.planes[0] - held.planes[0]).max() > _BEYOND)
        return cls(at, held, mapped, cut)


def image_fault(pixels: NDArray[np.uint8], source: ImageSource, written: float = 0.0) -> Finding | None:
    """What is wrong with an image.

    Args:
        pixels: blue, green and red, as it is read back; shape (height, width, 3).
        source: what it must show.

    Returns:
        The fault, at the frame's time; None where there is none, or none can be known.
    """
    if source.raster is None or min(pixels.shape[:2]) < SIDE:
        return None
    wanted, got = source.raster, image_raster(pixels)
    if not source.raster.declared:  # such colours are taken to be in the images' own matrix, whatever their size
        got = replace(got, matrix=source.raster.matrix)
    if written:
        wanted, got = _without_foot(wanted, written), _without_foot(got, written)
    kind = Judge(source.mapped, floor=0.0).fault(wanted, [got])
    uncertain = source.cut_off or min(pixels.shape[:2]) < FINE_SIDE  # cells of small ones are uneven
    if uncertain and kind in _BY_LEVELS:
        return None
    return None if kind is None else Finding(kind, at=source.at, frames=1, compared=1)


def _without_foot(one: Raster, share: float) -> Raster:
    """A raster whose lowest rows are grey: something is written there."""
    planes, rows = one.planes.copy(), ceil(share * SIDE)
    planes[0, -rows:], planes[1:, -rows:] = planes[0, :-rows].mean(), 0
    return replace(one, data=planes.astype(np.float16).tobytes(), fine_data=b"")


def require_shown(name: str, images: Sequence[tuple[NDArray[np.uint8], ImageSource]], written: float = 0.0) -> None:
    """Check that each image, or part of one, shows what it was made of.

    Args:
        name: what a person knows it by.
        images: pixels that were read back, and what they must show.

    Raises:
        OutputRejected: one does not.
    """
    found = [image_fault(pixels, source, written) for pixels, source in images]
    faults = tuple(fault for fault in found if fault is not None)
    if faults:
        raise OutputRejected(f"{name}, just made, was thrown away: {in_words(faults[:1])}.", faults)
